//! What each kind of fault meant to clients, as a table.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::fault::Fault;

/// One time that something failed, until all was ready again.
#[derive(Clone, Debug)]
pub struct Cycle {
    /// Requests that were answered with success, put off, and left without an answer.
    pub requests: [u64; 3],
    /// From when all was healed until every process was ready.
    pub ready: Duration,
}

/// All cycles, by what failed.
#[derive(Debug, Default)]
pub struct Figures(BTreeMap<String, Vec<Cycle>>);

impl Figures {
    pub fn add(&mut self, faults: &[Fault], cycle: Cycle) {
        let name = match faults {
            [fault] => format!("{fault:?}"),
            _ => "two of them at once".to_owned(),
        };
        self.0.entry(name).or_default().push(cycle);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "| what failed | cycles | answered | put off (503) | no answer | ready again: median, longest |"
        )?;
        writeln!(formatter, "| --- | --- | --- | --- | --- | --- |")?;
        for (name, cycles) in &self.0 {
            let sum = |index: usize| cycles.iter().map(|cycle| cycle.requests[index]).sum::<u64>();
            let (answered, put_off, unanswered) = (sum(0), sum(1), sum(2));
            let mut ready: Vec<_> = cycles.iter().map(|cycle| cycle.ready.as_secs_f64()).collect();
            ready.sort_by(f64::total_cmp);
            let (median, longest) = (ready[ready.len() / 2], ready[ready.len() - 1]);
            writeln!(
                formatter,
                "| {name} | {} | {answered} | {put_off} | {unanswered} | {median:.1} s, {longest:.1} s |",
                cycles.len()
            )?;
        }
        Ok(())
    }
}
