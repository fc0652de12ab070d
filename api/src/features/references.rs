//! What a body refers to, read even where the rest of the body can't be.

use commands::References;
use domain::order::{MAX_LINES, wrong_lists};
use domain::policy::MAX_CITED;
use domain::{FieldErrors, ProductId};
use projections::Order;
use serde_json::{Map, Value};

use crate::App;
use crate::access::caller::Caller;
use crate::http::problem::Problem;

/// Judges what a body refers to, should the body be refused.
pub(crate) struct Referring {
    references: References,
    /// What else is wrong that only the whole body tells.
    wrong: FieldErrors,
}

impl Referring {
    /// The body of a product.
    pub(crate) fn of_product(body: &Map<String, Value>) -> Self {
        let category = body.get("category_id");
        let category = category.or_else(|| body.get("category")?.get("id"));
        let upload = body.get("upload_id");
        let (category, upload) = (category.and_then(id), upload.and_then(id));
        let references = References { category, upload, ..References::default() };
        Self { references, wrong: FieldErrors::default() }
    }

    /// The body of an order, which may have products already.
    pub(crate) fn of_order(body: &Map<String, Value>, current: Option<&Order>) -> Self {
        let [products, items] = ["products", "items"].map(|name| body.get(name)?.as_array());
        let wrong = wrong_lists(products.map(Vec::len), items.map(Vec::len));
        let products = products.into_iter().flatten().enumerate();
        let products = products.filter_map(|(at, product)| {
            Some((format!("products.{at}"), id::<ProductId>(product)?, 1))
        });
        let items = items.into_iter().flatten().enumerate();
        let items = items.filter_map(|(at, item)| {
            // A wrong one is told already: it adds nothing.
            let quantity = item.get("quantity").and_then(Value::as_i64);
            let quantity = quantity.filter(|quantity| (1..=1_000).contains(quantity)).unwrap_or(0);
            Some((format!("items.{at}"), id(item.get("product")?)?, quantity))
        });
        let lines = products.take(MAX_LINES).chain(items.take(MAX_LINES)).collect();
        let had = current.into_iter().flat_map(|order| &order.products).copied().collect();
        Self { references: References { lines, had, ..References::default() }, wrong }
    }

    /// The body of a policy.
    pub(crate) fn of_policy(body: &Map<String, Value>) -> Self {
        let parent = body.get("parent").and_then(id);
        let references = References { parent, ..References::default() };
        Self { references, wrong: FieldErrors::default() }
    }

    /// The body of a decision.
    pub(crate) fn of_decision(body: &Map<String, Value>) -> Self {
        let policies = body.get("policies").and_then(Value::as_array).into_iter().flatten();
        // A list that has others than ids in between is told of those alone.
        let policies: Option<Vec<_>> = policies.take(MAX_CITED).map(id).collect();
        let references =
            References { policies: policies.unwrap_or_default(), ..References::default() };
        Self { references, wrong: FieldErrors::default() }
    }

    /// The problem; where it names fields, with all that is wrong with what they refer to.
    pub(crate) async fn beside(self, app: &App, caller: &Caller, problem: Problem) -> Problem {
        // One that names as much as it may is not asked for more.
        if problem.errors().is_empty() || problem.errors().is_full() {
            return problem;
        }
        match app.commands.wrong_references(&caller.context(), self.references).await {
            Ok(errors) => problem.with_more(self.wrong).with_more(errors),
            Err(error) => error.into(),
        }
    }
}

fn id<T: std::str::FromStr>(value: &Value) -> Option<T> {
    value.as_str()?.parse().ok()
}
