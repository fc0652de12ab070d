//! What every request passes before its route: its head is sound, its caller does not ask too often, its
//! body has come, and there is room for it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::App;
use crate::http::head;
use crate::http::problem::Problem;
use crate::limits::arrival::Arrivals;
use crate::limits::overload::Room;
use crate::limits::rate::Rates;

/// What requests are counted and bounded by: one pointer, as a layer is cloned for each request.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Bounds>);

struct Bounds {
    rates: Rates,
    arrivals: Arrivals,
    room: Arc<Room>,
}

impl Gate {
    pub(crate) fn new(app: &App, room: Arc<Room>) -> Self {
        let rates = Rates::new(app.clone());
        Self(Arc::new(Bounds { rates, arrivals: Arrivals::new(), room }))
    }

    async fn pass(&self, request: Request) -> Result<Request, Problem> {
        head::check(&request)?;
        self.0.rates.check(&request)?;
        self.0.arrivals.receive(request).await
    }
}

/// Lets a request in, or says why not.
pub(crate) async fn admit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    match gate.pass(request).await {
        Ok(request) => gate.0.room.answer(request, next).await,
        Err(problem) => problem.into_response(),
    }
}
