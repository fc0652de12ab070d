//! How often one caller may ask, by class: a flood from one does not take the room of others.
//! Counted by each process for itself.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use http::StatusCode;

use crate::App;
use crate::access::caller::Who;
use crate::class::Class;
use crate::http::policy::class_of;
use crate::http::problem::Problem;

/// How often callers that have gone quiet are forgotten.
const UPKEEP: Duration = Duration::from_mins(1);

struct Limiter {
    quota: NonZeroU32,
    callers: DefaultKeyedRateLimiter<Who>,
}

/// What callers are counted with.
pub(crate) struct Rates {
    app: App,
    limiters: Arc<[Option<Limiter>; 4]>,
}

impl Rates {
    /// Nothing is counted yet. A task of its own forgets callers that have gone quiet, until it is dropped.
    pub(crate) fn new(app: App) -> Self {
        let limits = app.settings.rate_limits;
        let limiters = Arc::new(Class::ALL.map(|class| {
            let quota = limits.of(class)?;
            Some(Limiter { quota, callers: RateLimiter::dashmap(Quota::per_minute(quota)) })
        }));
        let kept = Arc::downgrade(&limiters);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(UPKEEP).await;
                let Some(limiters) = kept.upgrade() else { return };
                for limiter in limiters.iter().flatten() {
                    limiter.callers.retain_recent();
                    limiter.callers.shrink_to_fit();
                }
            }
        });
        Self { app, limiters }
    }

    /// A sign-in counts for its address, whatever token it carries.
    fn who(&self, class: Class, request: &Request) -> Option<Who> {
        match class {
            Class::SignIns => Who::behind(request),
            Class::Reads | Class::Commands | Class::Uploads => Who::asks(request, &self.app),
        }
    }

    /// Refuses a caller that asks too often.
    pub(crate) fn check(&self, request: &Request) -> Result<(), Problem> {
        let class = class_of(request);
        let limiter =
            class.and_then(|class| Some((class, self.limiters[class as usize].as_ref()?)));
        if let Some((class, limiter)) = limiter
            && let Some(who) = self.who(class, request)
            && let Err(later) = limiter.callers.check_key(&who)
        {
            metrics::counter!("vetted_http_throttled_total", "class" => class.name()).increment(1);
            let wait = later.wait_time_from(DefaultClock::default().now());
            return Err(too_many(class, limiter.quota, wait));
        }
        Ok(())
    }
}

fn too_many(class: Class, quota: NonZeroU32, wait: Duration) -> Problem {
    let seconds = wait.as_secs() + 1;
    let detail = format!("Too many requests: try again in {seconds} seconds.");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail)
        .limited(class.name(), seconds)
        .with_quota(class.name(), quota)
}
