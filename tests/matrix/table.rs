//! Who gets which answer, written by hand from contract §2 and §3.
//!
//! 404 where the caller may not know of the thing, 403 where they may know of it but not do this.
//! A role that never does a thing is told so (403) whatever the path names: that leaks nothing.

use Whose::{Hidden, Missing, Nobodys, Own, Visible};
use domain::Role;

/// The columns: nobody signed in, then the roles in the order of the contract.
pub const CALLERS: [Option<Role>; 5] =
    [None, Some(Role::EndUser), Some(Role::Staff), Some(Role::Admin), Some(Role::Auditor)];

/// Whose the thing is that the path names, for the one who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The path names no thing.
    Nobodys,
    /// The caller's own; a product is PENDING.
    Own,
    /// Somebody else's, and only those know of it who see everything; a product is PENDING.
    Hidden,
    /// Somebody else's that everybody sees; a product is APPROVED.
    Visible,
    /// There is none.
    Missing,
}

/// One operation, and what each caller is answered.
pub struct Row {
    /// Method and path as in the OpenAPI document; a third word tells what is asked for where
    /// that makes a difference.
    pub operation: &'static str,
    /// A line for each kind of thing: nobody, END_USER, STAFF, ADMIN, AUDITOR.
    pub cells: &'static [(Whose, [u16; 5])],
}

impl Row {
    /// Method and path, as in the OpenAPI document.
    pub fn key(&self) -> String {
        self.operation.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    /// Method, path and what is asked for.
    pub fn words(&self) -> [&'static str; 3] {
        let mut words = self.operation.split(' ');
        [(); 3].map(|()| words.next().unwrap_or_default())
    }
}

const fn row(operation: &'static str, cells: &'static [(Whose, [u16; 5])]) -> Row {
    Row { operation, cells }
}

/// The whole table.
pub fn all() -> impl Iterator<Item = &'static Row> {
    [AROUND, ACCOUNTS, CATEGORIES, PRODUCTS, UPLOADS, ORDERS, POLICIES].into_iter().flatten()
}

pub const AROUND: &[Row] = &[
    row("GET /healthz", &[(Nobodys, [200, 200, 200, 200, 200])]),
    row("GET /readyz", &[(Nobodys, [200, 200, 200, 200, 200])]),
    row("GET /metrics", &[(Nobodys, [200, 200, 200, 200, 200])]),
    row("GET /.well-known/jwks.json", &[(Nobodys, [200, 200, 200, 200, 200])]),
];

pub const ACCOUNTS: &[Row] = &[
    row("POST /register/", &[(Nobodys, [201, 201, 201, 201, 201])]),
    row("POST /register/ STAFF", &[(Nobodys, [403, 403, 403, 403, 403])]),
    row("GET /activate/{uid}/{token}/", &[(Nobodys, [200, 200, 200, 200, 200])]),
    row("POST /activate/resend/", &[(Nobodys, [202, 202, 202, 202, 202])]),
    row("POST /login/", &[(Nobodys, [200, 200, 200, 200, 200])]),
    row("POST /login/second-factor/", &[(Nobodys, [200, 200, 200, 200, 200])]),
    row("GET /me/second-factor/", &[(Nobodys, [401, 200, 200, 200, 200])]),
    row("POST /me/second-factor/", &[(Nobodys, [401, 200, 200, 200, 200])]),
    row("POST /me/second-factor/confirm/", &[(Nobodys, [401, 400, 400, 400, 400])]),
    row("POST /me/second-factor/recovery-codes/", &[(Nobodys, [401, 409, 409, 409, 409])]),
    row("DELETE /me/second-factor/", &[(Nobodys, [401, 204, 204, 204, 204])]),
    row("GET /me/activity/", &[(Nobodys, [401, 200, 200, 200, 200])]),
    row("POST /token/refresh/", &[(Nobodys, [200, 200, 200, 200, 200])]),
    row("POST /logout/", &[(Nobodys, [401, 205, 205, 205, 205])]),
    row("GET /me/", &[(Nobodys, [401, 200, 200, 200, 200])]),
    row("PATCH /me/", &[(Nobodys, [401, 200, 200, 200, 200])]),
    row("DELETE /me/", &[(Nobodys, [401, 204, 204, 204, 204])]),
    row("POST /me/reauthenticate/", &[(Nobodys, [401, 204, 204, 204, 204])]),
    row("GET /me/sessions/", &[(Nobodys, [401, 200, 200, 200, 200])]),
    row("DELETE /me/sessions/", &[(Nobodys, [401, 204, 204, 204, 204])]),
    row(
        "DELETE /me/sessions/{id}/",
        &[
            (Own, [401, 204, 204, 204, 204]),
            (Hidden, [401, 404, 404, 404, 404]),
            (Missing, [401, 404, 404, 404, 404]),
        ],
    ),
    row("POST /password/change/", &[(Nobodys, [401, 204, 204, 204, 204])]),
    row("POST /password/reset/", &[(Nobodys, [202, 202, 202, 202, 202])]),
    row("POST /email/undo/", &[(Nobodys, [204, 204, 204, 204, 204])]),
    row("POST /password/reset/confirm/", &[(Nobodys, [204, 204, 204, 204, 204])]),
    row("GET /users/", &[(Nobodys, [401, 403, 403, 200, 200])]),
    row(
        "GET /users/{id}/",
        &[
            (Own, [401, 403, 403, 200, 200]),
            (Hidden, [401, 403, 403, 200, 200]),
            (Missing, [401, 403, 403, 404, 404]),
        ],
    ),
    row(
        "PATCH /users/{id}/",
        &[
            // An ADMIN changes nobody's role but others'.
            (Own, [401, 403, 403, 403, 403]),
            (Hidden, [401, 403, 403, 200, 403]),
            (Missing, [401, 403, 403, 404, 403]),
        ],
    ),
];

pub const CATEGORIES: &[Row] = &[
    row("GET /categories/", &[(Nobodys, [401, 200, 200, 200, 200])]),
    row("POST /categories/", &[(Nobodys, [401, 403, 201, 201, 403])]),
    row(
        "GET /categories/{id}/",
        &[(Visible, [401, 200, 200, 200, 200]), (Missing, [401, 404, 404, 404, 404])],
    ),
    row(
        "PUT /categories/{id}/",
        &[(Visible, [401, 403, 200, 200, 403]), (Missing, [401, 403, 404, 404, 403])],
    ),
    row(
        "PATCH /categories/{id}/",
        &[(Visible, [401, 403, 200, 200, 403]), (Missing, [401, 403, 404, 404, 403])],
    ),
    row(
        "DELETE /categories/{id}/",
        &[(Visible, [401, 403, 204, 204, 403]), (Missing, [401, 403, 404, 404, 403])],
    ),
];

/// Reading what everybody who sees the product may read.
const SEEN: &[(Whose, [u16; 5])] = &[
    (Own, [401, 200, 200, 200, 200]),
    (Hidden, [401, 404, 200, 200, 200]),
    (Visible, [401, 200, 200, 200, 200]),
    (Missing, [401, 404, 404, 404, 404]),
];

/// Reading what only its owner and those may read who see everything.
const CONFIDED: &[(Whose, [u16; 5])] = &[
    (Own, [401, 200, 200, 200, 200]),
    (Hidden, [401, 404, 200, 200, 200]),
    (Visible, [401, 403, 200, 200, 200]),
    (Missing, [401, 404, 404, 404, 404]),
];

/// Changing one's own, or as an ADMIN any.
const WRITTEN: &[(Whose, [u16; 5])] = &[
    (Own, [401, 200, 200, 200, 403]),
    (Hidden, [401, 404, 403, 200, 403]),
    (Visible, [401, 403, 403, 200, 403]),
    (Missing, [401, 404, 404, 404, 403]),
];

pub const PRODUCTS: &[Row] = &[
    row("GET /products/", &[(Nobodys, [401, 200, 200, 200, 200])]),
    row("POST /products/", &[(Nobodys, [401, 201, 201, 201, 403])]),
    row("GET /live/", &[(Nobodys, [401, 200, 200, 200, 200])]),
    row("GET /products/history/", &[(Nobodys, [401, 200, 200, 200, 403])]),
    row("GET /products/{id}/", SEEN),
    row("GET /products/{id}/ as_of", CONFIDED),
    row("GET /products/{id}/moderation/", CONFIDED),
    row("GET /products/{id}/live/", SEEN),
    row("GET /products/{id}/video/", SEEN),
    row("GET /products/{id}/poster/", SEEN),
    row("GET /products/{id}/sprite/", SEEN),
    row("GET /products/{id}/thumbnails.vtt", SEEN),
    row("PUT /products/{id}/", WRITTEN),
    row("PATCH /products/{id}/", WRITTEN),
    row("POST /products/{id}/cancel/", WRITTEN),
    row(
        "POST /products/{id}/resubmit/",
        &[
            (Own, [401, 200, 200, 200, 403]),
            (Hidden, [401, 404, 403, 200, 403]),
            // Who may, is told that an APPROVED one needs none.
            (Visible, [401, 403, 403, 409, 403]),
            (Missing, [401, 404, 404, 404, 403]),
        ],
    ),
    row(
        "DELETE /products/{id}/",
        &[
            (Own, [401, 204, 204, 204, 403]),
            (Hidden, [401, 404, 403, 204, 403]),
            (Visible, [401, 403, 403, 204, 403]),
            (Missing, [401, 404, 404, 404, 403]),
        ],
    ),
    row(
        "POST /products/{id}/approve/",
        &[
            (Own, [401, 403, 403, 403, 403]),
            (Hidden, [401, 403, 200, 200, 403]),
            // The same decision stands.
            (Visible, [401, 403, 409, 409, 403]),
            (Missing, [401, 403, 404, 404, 403]),
        ],
    ),
    row(
        "POST /products/{id}/reject/",
        &[
            (Own, [401, 403, 403, 403, 403]),
            (Hidden, [401, 403, 200, 200, 403]),
            (Visible, [401, 403, 200, 200, 403]),
            (Missing, [401, 403, 404, 404, 403]),
        ],
    ),
];

/// An upload is its owner's and nobody else's.
pub const UPLOADS: &[Row] = &[
    row("OPTIONS /uploads/", &[(Nobodys, [204, 204, 204, 204, 204])]),
    row("POST /uploads/", &[(Nobodys, [401, 201, 201, 201, 403])]),
    row(
        "HEAD /uploads/{id}/",
        &[
            (Own, [401, 200, 200, 200, 403]),
            (Hidden, [401, 404, 404, 404, 403]),
            (Missing, [401, 404, 404, 404, 403]),
        ],
    ),
    row(
        "PATCH /uploads/{id}/",
        &[
            (Own, [401, 204, 204, 204, 403]),
            (Hidden, [401, 404, 404, 404, 403]),
            (Missing, [401, 404, 404, 404, 403]),
        ],
    ),
    row(
        "DELETE /uploads/{id}/",
        &[
            (Own, [401, 204, 204, 204, 403]),
            (Hidden, [401, 404, 404, 404, 403]),
            (Missing, [401, 404, 404, 404, 403]),
        ],
    ),
];

/// An order is its buyer's, and of those who see everything.
const ORDERED: &[(Whose, [u16; 5])] = &[
    (Own, [401, 200, 200, 200, 200]),
    (Hidden, [401, 404, 200, 200, 200]),
    (Missing, [401, 404, 404, 404, 404]),
];

/// Only an END_USER buys: what they ordered before they got another role does not change.
const REORDERED: &[(Whose, [u16; 5])] = &[
    (Own, [401, 200, 403, 403, 403]),
    (Hidden, [401, 404, 403, 403, 403]),
    (Missing, [401, 404, 404, 404, 403]),
];

const CALLED_OFF: &[(Whose, [u16; 5])] = &[
    (Own, [401, 200, 200, 200, 403]),
    (Hidden, [401, 404, 200, 200, 403]),
    (Missing, [401, 404, 404, 404, 403]),
];

const FULFILLED: &[(Whose, [u16; 5])] = &[
    (Own, [401, 403, 200, 200, 403]),
    (Hidden, [401, 404, 200, 200, 403]),
    (Missing, [401, 404, 404, 404, 403]),
];

pub const ORDERS: &[Row] = &[
    row("GET /orders/", &[(Nobodys, [401, 200, 200, 200, 200])]),
    row("POST /orders/", &[(Nobodys, [401, 201, 403, 403, 403])]),
    row("GET /orders/{id}/", ORDERED),
    row("GET /orders/{id}/history/", ORDERED),
    row("PUT /orders/{id}/ items", REORDERED),
    row("PATCH /orders/{id}/ items", REORDERED),
    row("PUT /orders/{id}/ CANCELLED", CALLED_OFF),
    row("PATCH /orders/{id}/ CANCELLED", CALLED_OFF),
    row("PUT /orders/{id}/ SUCCESS", FULFILLED),
    row("PATCH /orders/{id}/ SUCCESS", FULFILLED),
    row(
        "DELETE /orders/{id}/",
        &[
            (Own, [401, 204, 403, 204, 403]),
            (Hidden, [401, 404, 403, 204, 403]),
            (Missing, [401, 404, 403, 404, 403]),
        ],
    ),
];

pub const POLICIES: &[Row] = &[
    row("GET /policies/", &[(Nobodys, [401, 200, 200, 200, 200])]),
    row("POST /policies/", &[(Nobodys, [401, 403, 403, 201, 403])]),
    row(
        "GET /policies/{id}/",
        &[(Visible, [401, 200, 200, 200, 200]), (Missing, [401, 404, 404, 404, 404])],
    ),
    row(
        "PUT /policies/{id}/",
        &[(Visible, [401, 403, 403, 200, 403]), (Missing, [401, 403, 403, 404, 403])],
    ),
    row(
        "PATCH /policies/{id}/",
        &[(Visible, [401, 403, 403, 200, 403]), (Missing, [401, 403, 403, 404, 403])],
    ),
    row(
        "DELETE /policies/{id}/",
        &[(Visible, [401, 403, 403, 204, 403]), (Missing, [401, 403, 403, 404, 403])],
    ),
];
