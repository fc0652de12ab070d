//! Which packets of a stream came out of the decoder as pictures or sound.

/// Times in seconds closer than this are the same: they are printed with six decimals.
const SAME: f64 = 0.000_1;

/// More than an hour has, at any rate that cameras record; later packets are not judged.
const MOST: usize = 1 << 20;

/// One stream: when something should be shown or heard, and when something was.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    expected: Vec<f64>,
    shown: Vec<f64>,
    /// Nothing before the first whole picture can be shown, and a copy leaves it out.
    start: Option<f64>,
}

impl Timeline {
    /// Adds a packet by its flags in ffprobe's form, such as `K__`: key, discarded, corrupt.
    pub(super) fn expect(&mut self, time: f64, flags: &str, only_whole_pictures: bool) {
        let is_key = flags.contains('K');
        if self.start.is_none() && is_key {
            self.start = Some(time);
        }
        let is_late_enough = self.start.is_some_and(|start| time >= start);
        let counts = is_key || !only_whole_pictures;
        if is_late_enough && counts && !flags.contains('D') && self.expected.len() < MOST {
            self.expected.push(time);
        }
    }

    /// Adds a picture or a piece of sound that was decoded.
    pub(super) fn show(&mut self, time: f64) {
        if self.shown.len() < MOST {
            self.shown.push(time);
        }
    }

    /// To be called once, after everything was added.
    pub(super) fn sort(&mut self) {
        self.expected.sort_by(f64::total_cmp);
        self.shown.sort_by(f64::total_cmp);
    }

    pub(super) fn expected(&self) -> usize {
        self.expected.len()
    }

    pub(super) fn is_blank(&self) -> bool {
        self.shown.is_empty()
    }

    /// Packets without a picture or sound, of which two or more follow each other: a single one may be the
    /// second field of a picture, or one that is only referred to. After the last that was shown they count
    /// only if the decoder came to the end.
    pub(super) fn lost(&self, to_the_end: bool) -> usize {
        let counted = |run: usize| if run < 2 { 0 } else { run };
        let mut shown = self.shown.iter().peekable();
        let (mut lost, mut run) = (0, 0);
        for time in &self.expected {
            let mut latest = None;
            while let Some(next) = shown.next_if(|next| **next < time + SAME) {
                latest = Some(next);
            }
            if latest.is_some() {
                lost += counted(run);
                run = 0;
            }
            if latest.is_none_or(|latest| latest + SAME < *time) {
                run += 1;
            }
        }
        lost + if to_the_end { counted(run) } else { 0 }
    }

    /// Seconds in which there are no packets though there usually are.
    pub(super) fn gaps(&self) -> f64 {
        let usual = self.usual_step();
        let is_gap = |step: &f64| *step > (3.0 * usual).max(0.1);
        self.steps().filter(is_gap).map(|step| step - usual).sum()
    }

    /// Seconds from one packet to the next, for most of them.
    pub(super) fn usual_step(&self) -> f64 {
        let mut steps: Vec<f64> = self.steps().collect();
        steps.sort_by(f64::total_cmp);
        steps.get(steps.len() / 2).copied().unwrap_or_default()
    }

    fn steps(&self) -> impl Iterator<Item = f64> {
        self.expected.windows(2).map(|pair| pair[1] - pair[0])
    }

    /// From the first packet to the last, in seconds.
    pub(super) fn length(&self) -> f64 {
        self.expected.last().zip(self.expected.first()).map_or(0.0, |(last, first)| last - first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At 10 packets a second, of which the first and every tenth are whole pictures.
    fn timeline(expected: impl Iterator<Item = u32>, shown: impl Iterator<Item = u32>) -> Timeline {
        let mut timeline = Timeline::default();
        for packet in expected {
            let flags = if packet % 10 == 0 { "K__" } else { "___" };
            timeline.expect(f64::from(packet) / 10.0, flags, false);
        }
        for picture in shown {
            timeline.show(f64::from(picture) / 10.0);
        }
        timeline.sort();
        timeline
    }

    #[test]
    fn runs_count_as_lost_and_single_ones_do_not() {
        let fields = timeline(0..100, (0..100).step_by(2));
        let middle = timeline(0..100, (0..100).filter(|picture| !(40..49).contains(picture)));
        let tail = timeline(0..100, 0..60);

        assert_eq!((fields.lost(true), middle.lost(true)), (0, 9));
        assert_eq!((tail.lost(true), tail.lost(false)), (40, 0));
    }

    #[test]
    fn what_comes_before_a_whole_picture_is_not_expected() {
        let timeline = timeline(5..100, 10..100);

        assert_eq!((timeline.expected(), timeline.lost(true)), (90, 0));
    }

    #[test]
    fn gaps_are_measured_against_the_usual_step() {
        let whole = timeline(0..100, 0..0);
        let torn = timeline((0..40).chain(60..100), 0..0);

        assert!(whole.gaps() < 0.001 && whole.is_blank());
        assert!((torn.gaps() - 2.0).abs() < 0.001, "{}", torn.gaps());
        assert!((whole.length() - 9.9).abs() < 0.001);
    }
}
