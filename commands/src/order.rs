//! Commands on orders: name and price of each product are copied as they are at the commit.

use std::collections::BTreeMap;

use domain::order::{EditOrder, Line, Order, OrderCommand, PlaceOrder, RequestedLine};
use domain::product::{Offer, Product};
use domain::{OrderId, ProductId, StreamId, StreamType};
use uuid::Uuid;

use crate::execute::Stream;
use crate::store::{Guard, Side};
use crate::{CommandError, Commands, Context, Done, Made};

/// Tries of an order whose products keep changing.
const TRIES: usize = 5;

/// What products are offered as, and at which versions.
pub(crate) type Offers = BTreeMap<ProductId, (Option<Offer>, i64)>;

impl Commands {
    /// Orders products.
    pub async fn place_order(
        &self,
        context: &Context,
        place: &PlaceOrder,
    ) -> Result<Made<OrderId>, CommandError> {
        let (id, by) = (OrderId::from_uuid(Uuid::now_v7()), context.actor());
        let asked = place.lines()?;
        let place = move |lines| OrderCommand::Place { by, lines };
        let done = self.with_offers(context, id, Stream::New, asked, place).await?;
        Ok(Made { id, done })
    }

    /// Changes what is ordered, or settles an order.
    pub async fn edit_order(
        &self,
        context: &Context,
        id: OrderId,
        edit: &EditOrder,
    ) -> Result<Done, CommandError> {
        let (by, status) = (context.actor(), edit.status.0);
        match edit.lines()? {
            None => {
                let settle = OrderCommand::Edit { by, lines: None, status };
                self.execute::<Order>(context, id, settle).await
            }
            Some(asked) => {
                let command = move |lines| OrderCommand::Edit { by, lines: Some(lines), status };
                self.with_offers(context, id, Stream::Known, asked, command).await
            }
        }
    }

    /// Takes an order out of every list.
    pub async fn delete_order(&self, context: &Context, id: OrderId) -> Result<Done, CommandError> {
        let delete = OrderCommand::Delete { by: context.actor() };
        self.execute::<Order>(context, id, delete).await
    }

    /// The order stands only if every product still is as it was copied; else all are looked up
    /// again. A refusal, too, stands only on products that were looked up in the log.
    async fn with_offers(
        &self,
        context: &Context,
        id: OrderId,
        stream: Stream,
        asked: Vec<RequestedLine>,
        command: impl Fn(Vec<Line>) -> OrderCommand + Clone + Send + Sync + 'static,
    ) -> Result<Done, CommandError> {
        for attempt in 0..TRIES {
            let fresh = attempt > 0;
            let offers = self.offers(&asked, fresh).await?;
            let lines = lines(&asked, &offers);
            let (guards, command) = (guards(&offers), command.clone());
            let prepare = move |_: &Order| {
                let side = Side { guards: guards.clone(), ..Side::default() };
                Ok((command(lines.clone()), side))
            };
            match self.execute_on(stream, context, id, prepare).await {
                Err(CommandError::Conflict | CommandError::Refused(_)) if !fresh => {}
                Err(CommandError::Conflict) if attempt + 1 < TRIES => {}
                done => return done,
            }
        }
        Err(CommandError::Conflict)
    }

    pub(crate) async fn offers(
        &self,
        asked: &[RequestedLine],
        fresh: bool,
    ) -> Result<Offers, CommandError> {
        let mut offers = Offers::new();
        for (_, product, _) in asked {
            if !offers.contains_key(product) {
                let loaded = if fresh {
                    self.parts.store.load_afresh::<Product>(*product).await?
                } else {
                    self.parts.store.load::<Product>(*product).await?
                };
                offers.insert(*product, (loaded.aggregate.offer(), loaded.version));
            }
        }
        Ok(offers)
    }
}

pub(crate) fn lines(asked: &[RequestedLine], offers: &Offers) -> Vec<Line> {
    let line = |(field, product, quantity): &RequestedLine| Line {
        field: field.clone(),
        product: *product,
        quantity: *quantity,
        offer: offers.get(product).and_then(|(offer, _)| offer.clone()),
    };
    asked.iter().map(line).collect()
}

/// A product that can't be ordered is no reason to try again: only what was copied is guarded.
fn guards(offers: &Offers) -> Vec<Guard> {
    let offered = offers.iter().filter(|(_, (offer, _))| offer.is_some());
    let stream = |id: &ProductId| StreamId { kind: StreamType::Product, id: id.uuid() };
    offered.map(|(id, (_, version))| Guard::StreamAt(stream(id), *version)).collect()
}
