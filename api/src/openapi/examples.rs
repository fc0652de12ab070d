//! An example of each body. Those of answers are serialised values of the types that routes answer
//! with; those of requests are read by the types that routes take (see the test below).

use domain::order::{OrderItem, OrderStatus};
use domain::product::{ProcessingStatus, ProductName, ProductStatus};
use domain::{CategoryId, Money, OrderId, ProductId, Role, SessionId, UserId};
use projections::{
    ActivityEntry, Category, CategorySummary, FieldChange, Order, Product, TimelineActor,
    TimelineEntry, User, VideoFacts,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::macros::datetime;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{Array, ArrayItems, Schema};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr};

use super::place::operations;
use super::samples::{BUYER, CATEGORY, MODERATOR, ORDER, PRODUCT, SELLER, SESSION, UPLOAD};
use crate::features::live::LiveEvent;

const SUBMITTED: OffsetDateTime = datetime!(2026-01-31 09:30:00.123456 UTC);
const APPROVED: OffsetDateTime = datetime!(2026-01-31 10:05:12.654321 UTC);
const SIGNATURE: &str = "AAAAAGl9-2QBmQobLD1wAIAAAAAAAAAB";
const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// Gives every body of a named schema its example.
pub(super) fn complete(openapi: &mut OpenApi) {
    for item in openapi.paths.paths.values_mut() {
        for (_, operation) in operations(item) {
            complete_operation(operation);
        }
    }
}

fn complete_operation(operation: &mut Operation) {
    let id = operation.operation_id.clone().unwrap_or_default();
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        body.content.values_mut().for_each(|content| add(content, request));
    }
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        for content in response.content.values_mut() {
            add(content, |name| answer(name).map(|example| after(&id, example)));
        }
    }
}

fn add(content: &mut RefOr<Content>, example: impl Fn(&str) -> Option<Value>) {
    let RefOr::T(content) = content else { return };
    if content.example.is_some() {
        return;
    }
    content.example = match &content.schema {
        Some(RefOr::Ref(schema)) => example(name(schema)),
        Some(RefOr::T(Schema::Array(Array { items: ArrayItems::RefOrSchema(item), .. }))) => {
            match &**item {
                RefOr::Ref(item) => example(name(item)).map(|item| json!([item])),
                RefOr::T(_) => None,
            }
        }
        Some(RefOr::T(_)) | None => None,
    };
}

fn name(schema: &Ref) -> &str {
    schema.ref_location.rsplit('/').next().unwrap_or_default()
}

/// What an operation makes of the resource that it answers with.
fn after(operation: &str, mut example: Value) -> Value {
    let changes = match operation {
        "submitProduct" | "resubmitProduct" => json!({ "status": "PENDING" }),
        "rejectProduct" => json!({ "status": "REJECTED" }),
        "cancelProduct" => json!({ "status": "CANCELLED" }),
        "manageUser" => json!({ "role": "STAFF" }),
        _ => return example,
    };
    if let (Value::Object(example), Value::Object(changes)) = (&mut example, changes) {
        example.extend(changes);
    }
    example
}

/// The body of a request.
fn request(schema: &str) -> Option<Value> {
    const EMAIL: &str = "ada@example.com";
    const PASSWORD: &str = "three green lamps";
    let (uid, token) = ("AZkKGyw9cACAAAAAAAAAAQ", "bWFpbGVk");
    Some(match schema {
        "Register" | "Login" => json!({ "email": EMAIL, "password": PASSWORD }),
        "ActivationResend" | "RequestPasswordReset" | "ChangeEmail" => json!({ "email": EMAIL }),
        "ConfirmPasswordReset" => json!({ "uid": uid, "token": token, "password": PASSWORD }),
        "UndoEmailChange" => json!({ "uid": uid, "token": token }),
        "CompleteLogin" => json!({ "challenge": "eyJhbGciOiJIUzI1NiJ9", "code": "123456" }),
        "RefreshToken" => json!({ "refresh": "q83vEjRWeJA" }),
        "Reauthenticate" => json!({ "password": PASSWORD }),
        "ConfirmSecondFactor" => json!({ "code": "123456" }),
        "ChangePassword" => {
            json!({ "current_password": PASSWORD, "new_password": "four blue chairs" })
        }
        "ManageUser" => json!({ "role": "STAFF" }),
        "CreateCategory" => json!({ "name": "Lamps", "description": "What gives light." }),
        "EditCategory" => json!({ "description": "Lamps and lanterns." }),
        "SubmitProduct" => json!({
            "name": "Desk lamp", "description": "Brass, with a green shade.",
            "category_id": CATEGORY, "price": price(), "upload_id": UPLOAD,
        }),
        "EditProduct" => json!({ "price": { "amount": "11.00", "currency": "EUR" } }),
        "ProductForm" => json!({
            "name": "Desk lamp", "category_id": CATEGORY,
            "price_amount": "12.50", "price_currency": "EUR",
        }),
        "ProductEditForm" => json!({ "description": "Brass, with a shade of green glass." }),
        "ApproveProduct" => json!({ "reason": "The new video shows the lamp." }),
        "RejectProduct" => json!({ "reason": "The video shows another lamp." }),
        "PlaceOrder" => json!({ "items": [{ "product": PRODUCT, "quantity": 2 }] }),
        "EditOrder" => json!({ "products": [PRODUCT] }),
        "Nothing" => json!({}),
        _ => return None,
    })
}

/// The body of an answer.
fn answer(schema: &str) -> Option<Value> {
    if let Some(item) = schema.strip_suffix("Page") {
        return Some(json!({ "next": null, "previous": null, "results": [answer(item)?] }));
    }
    Some(match schema {
        "Product" => written(product()),
        "Category" => written(category()),
        "Order" => written(order()),
        "User" => written(user()),
        "Me" => {
            with(written(user()), json!({ "live_url": format!("/live/?signature={SIGNATURE}") }))
        }
        "ProductHistory" => {
            with(written(product()), json!({ "deleted": false, "timeline": [approval()] }))
        }
        "TimelineEntry" => written(approval()),
        "ActivityEntry" => written(activity()),
        "LiveEvent" => written(LiveEvent::progress(ProductId::from_uuid(PRODUCT), 40)),
        _ => return of_accounts(schema),
    })
}

/// Answers whose types are routes' own.
fn of_accounts(schema: &str) -> Option<Value> {
    Some(match schema {
        "SignedIn" => json!({
            "access": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSJ9.eyJzdWIiOiI3In0.c2lnbmVk",
            "refresh": "q83vEjRWeJA", "token_type": "Bearer", "expires_in": 300, "user": user(),
        }),
        "Session" => json!({
            "id": SessionId::from_uuid(SESSION), "current": true,
            "created_at": "2026-01-31T09:30:00.123456Z",
            "last_used_at": "2026-01-31T10:05:12.654321Z",
            "expires_at": "2026-02-14T10:05:12.654321Z",
        }),
        "SecondFactor" => json!({ "enabled": true, "recovery_codes_left": 10 }),
        "Enrolment" => json!({
            "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
            "otpauth_url": "otpauth://totp/Vetted:ada%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Vetted",
        }),
        "Recovery" => json!({ "recovery_codes": ["bdtr-w4kx-hm2q"] }),
        "Detail" => json!({
            "detail": "Open the link in the mail that is on its way to activate the account.",
        }),
        "Status" => json!({ "status": "ok", "checks": { "database": "ok", "broker": "ok" } }),
        "JwkSet" => json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "use": "sig", "alg": "EdDSA",
        }] }),
        _ => return None,
    })
}

fn written(value: impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn with(mut value: Value, more: Value) -> Value {
    let more: Map<String, Value> = serde_json::from_value(more).unwrap_or_default();
    if let Value::Object(members) = &mut value {
        members.extend(more);
    }
    value
}

fn price() -> Option<Money> {
    Money::try_new("12.50", "EUR".parse().ok()?).ok()
}

fn product() -> Product {
    let link = |file: &str| format!("/products/{PRODUCT}/{file}?signature={SIGNATURE}");
    Product {
        id: ProductId::from_uuid(PRODUCT),
        name: "Desk lamp".to_owned(),
        description: "Brass, with a green shade.".to_owned(),
        category: CategorySummary {
            id: CategoryId::from_uuid(CATEGORY),
            name: "Lamps".to_owned(),
            description: "What gives light.".to_owned(),
        },
        price: price(),
        video: Some(video()),
        video_url: Some(link("video/")),
        poster_url: Some(link("poster/")),
        thumbnails_url: Some(link("thumbnails.vtt")),
        live_url: Some(link("live/")),
        video_gone: None,
        status: ProductStatus::Approved,
        processing_status: ProcessingStatus::Ready,
        processing_progress: 100,
        uploaded_by: UserId::from_uuid(SELLER),
        version: 4,
        created_at: SUBMITTED,
        updated_at: APPROVED,
    }
}

fn video() -> VideoFacts {
    VideoFacts {
        size: 20_812_345,
        sha256: DIGEST.to_owned(),
        content_type: "video/mp4".to_owned(),
        duration_ms: 30_000,
        width: 1_920,
        height: 1_080,
    }
}

fn category() -> Category {
    Category {
        id: CategoryId::from_uuid(CATEGORY),
        name: "Lamps".to_owned(),
        description: "What gives light.".to_owned(),
        product_count: 1,
        version: 1,
        created_at: SUBMITTED,
        updated_at: SUBMITTED,
    }
}

fn order() -> Order {
    let product = ProductId::from_uuid(PRODUCT);
    let name = ProductName::try_new("Desk lamp");
    let items = name.map(|name| OrderItem { product, name, price: price(), quantity: 2 });
    Order {
        id: OrderId::from_uuid(ORDER),
        user: UserId::from_uuid(BUYER),
        products: vec![product],
        items: items.into_iter().collect(),
        status: OrderStatus::Pending,
        total: price().map(|price| price.times(2)),
        version: 1,
        created_at: APPROVED,
        updated_at: APPROVED,
    }
}

fn user() -> User {
    User {
        id: UserId::from_uuid(SELLER),
        email: Some("ada@example.com".to_owned()),
        role: Role::EndUser,
        is_active: true,
        date_joined: SUBMITTED,
        version: 2,
    }
}

fn approval() -> TimelineEntry {
    TimelineEntry {
        sequence: 4,
        kind: "ProductApproved",
        at: APPROVED,
        actor: TimelineActor::User { id: UserId::from_uuid(MODERATOR), role: Role::Staff },
        reason: None,
        judged: Some(3),
        changes: vec![FieldChange {
            field: "status",
            from: json!("PENDING"),
            to: json!("APPROVED"),
        }],
    }
}

fn activity() -> ActivityEntry {
    ActivityEntry {
        kind: "signed_in".to_owned(),
        at: SUBMITTED,
        session: Some(SessionId::from_uuid(SESSION)),
        client: Some("192.0.2.0/24".to_owned()),
        detail: Some("password".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use deserr::Deserr;
    use domain::FieldErrors;
    use domain::category::{CreateCategory, EditCategory};
    use domain::order::{EditOrder, PlaceOrder};
    use domain::product::{ApproveProduct, EditProduct, RejectProduct, SubmitProduct};
    use domain::user::{
        ActivationResend, ChangeEmail, ChangePassword, ConfirmPasswordReset, ConfirmSecondFactor,
        ManageUser, Reauthenticate, Register, RequestPasswordReset, UndoEmailChange,
    };

    use super::*;

    fn taken<T: Deserr<FieldErrors>>(schema: &str) {
        let read = domain::read::<T>(request(schema).unwrap());
        assert!(read.is_ok(), "{schema}: {:?}", read.err());
    }

    #[test]
    fn requests_are_read_by_the_types_that_routes_take() {
        taken::<Register>("Register");
        taken::<ActivationResend>("ActivationResend");
        taken::<RequestPasswordReset>("RequestPasswordReset");
        taken::<ConfirmPasswordReset>("ConfirmPasswordReset");
        taken::<UndoEmailChange>("UndoEmailChange");
        taken::<Reauthenticate>("Reauthenticate");
        taken::<ConfirmSecondFactor>("ConfirmSecondFactor");
        taken::<ChangePassword>("ChangePassword");
        taken::<ChangeEmail>("ChangeEmail");
        taken::<ManageUser>("ManageUser");
        taken::<CreateCategory>("CreateCategory");
        taken::<EditCategory>("EditCategory");
        taken::<SubmitProduct>("SubmitProduct");
        taken::<EditProduct>("EditProduct");
        taken::<ApproveProduct>("ApproveProduct");
        taken::<RejectProduct>("RejectProduct");
        taken::<PlaceOrder>("PlaceOrder");
        taken::<EditOrder>("EditOrder");
    }
}
