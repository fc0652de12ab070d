//! What there is while requests are made up: things to name, and somebody to be.

use std::collections::BTreeMap;

use domain::Role;
use serde_json::{Value, json};

use super::chance::Chance;
use crate::support::{Answer, Person, TestApp, video};

/// Of each kind, so many things that were made on the way can be named.
const REMEMBERED: usize = 60;

/// What can be named, and who names it.
#[derive(Clone)]
pub struct World {
    pub role: Option<Role>,
    pub person: Option<Person>,
    ids: BTreeMap<String, Vec<String>>,
    tokens: Vec<String>,
    cursors: Vec<String>,
}

impl World {
    /// Of people and things of every kind; nobody's world yet.
    pub async fn create(app: &TestApp) -> Self {
        let staff = app.user(Role::Staff).await;
        let (seller, buyer) = (app.user(Role::EndUser).await, app.user(Role::EndUser).await);
        let category = app.category(&staff, "Lamps").await;
        let listed = app.approved_product(&seller, &staff, &category).await;
        let filmed = app.product_with(&seller, &category, video::mp4()).await;
        app.processed(&seller, &filmed).await;
        app.approve(&staff, &filmed).await.expect(200);
        let mut world = Self {
            role: None,
            person: None,
            ids: BTreeMap::new(),
            tokens: vec![seller.refresh.clone(), seller.access.clone()],
            cursors: vec![],
        };
        world.add("OrderId", app.order(&buyer, &[&listed]).await);
        world.add("ProductId", app.product(&seller, &category, "Pending lamp").await);
        world.add("ProductId", listed);
        world.add("ProductId", filmed.clone());
        world.add("CategoryId", category);
        world.add("CategoryId", app.category(&staff, "Chairs").await);
        world.add("PolicyId", app.policy(&app.user(Role::Admin).await, "Returns").await);
        world.add("UserId", buyer.id);
        world.add("UserId", seller.id.clone());
        world.read_tokens(app, &seller, &staff, &filmed).await;
        world
    }

    /// Signatures and cursors, as the program makes them.
    async fn read_tokens(&mut self, app: &TestApp, seller: &Person, staff: &Person, filmed: &str) {
        let url = app.see(seller, filmed).await["video_url"].as_str().unwrap().to_owned();
        self.tokens.extend(url.split_once("signature=").map(|(_, signature)| signature.to_owned()));
        for ordering in ["created_at", "-created_at", "name", "-name", "price", "-price"] {
            let path = format!("/products/?limit=1&ordering={ordering}");
            let next = app.get(&path).by(staff).send().await.expect(200).json;
            let next = next["next"].as_str().unwrap().to_owned();
            self.cursors.extend(next.rsplit_once("cursor=").map(|(_, cursor)| cursor.to_owned()));
        }
    }

    /// The same world, as somebody of that role sees it, with things of their own.
    pub async fn seen_by(&self, app: &TestApp, role: Option<Role>) -> Self {
        let mut world = Self { role, ..self.clone() };
        world.sign_in_again(app).await;
        if let Some(person) = world.person.clone() {
            world.add("UserId", person.id.clone());
            world.make_own(app, &person).await;
        }
        world
    }

    /// One of each that the role may make.
    async fn make_own(&mut self, app: &TestApp, person: &Person) {
        let product = json!({"name": "Own lamp", "category_id": self.ids["CategoryId"][0]});
        let order = json!({"products": [self.ids["ProductId"][1]]});
        for (path, body) in [("/products/", product), ("/orders/", order)] {
            let answer = app.post(path).by(person).json(body).send().await;
            self.learn(path, &answer);
        }
        let upload = app.post("/uploads/").by(person).header("Tus-Resumable", "1.0.0");
        let answer = upload.header("Upload-Length", "5").send().await;
        self.learn("/uploads/", &answer);
        let sessions = app.get("/me/sessions/").by(person).send().await.json;
        for session in sessions.as_array().into_iter().flatten() {
            self.add("SessionId", session["id"].as_str().unwrap_or_default().to_owned());
        }
    }

    /// After the person's tokens have ended: by signing in, or as somebody else.
    pub async fn sign_in_again(&mut self, app: &TestApp) {
        let Some(role) = self.role else { return };
        let known = match &self.person {
            Some(person) => signed_in(app, person, role).await,
            None => None,
        };
        self.person = match known {
            Some(person) => Some(person),
            None => signed_in(app, &app.user_by_command(role).await, role).await,
        };
        assert!(self.person.is_some(), "a new account of {role:?} can sign in");
    }

    /// Remembers what was made.
    pub fn learn(&mut self, path: &str, answer: &Answer) {
        let kind = match path.split('/').nth(1) {
            Some("products") => "ProductId",
            Some("categories") => "CategoryId",
            Some("orders") => "OrderId",
            Some("policies") => "PolicyId",
            Some("uploads") => "UploadId",
            _ => return,
        };
        let id = answer.json["id"].as_str().or_else(|| {
            let location = answer.headers.get("location")?.to_str().ok()?;
            location.trim_end_matches('/').rsplit('/').next()
        });
        if let (201, Some(id)) = (answer.status, id) {
            self.add(kind, id.to_owned());
        }
    }

    fn add(&mut self, kind: &str, id: String) {
        let ids = self.ids.entry(kind.to_owned()).or_default();
        // The first ones are of the kinds that matter most.
        if ids.len() >= REMEMBERED {
            ids.remove(REMEMBERED / 2);
        }
        ids.push(id);
    }

    /// Something that there is, or was.
    pub fn id(&self, kind: &str, chance: &mut Chance) -> String {
        match self.ids.get(kind) {
            Some(ids) => ids[chance.below(ids.len())].clone(),
            None => uuid::Uuid::from_u128(u128::from(chance.any_u64())).to_string(),
        }
    }

    pub fn cursor(&self, chance: &mut Chance) -> String {
        self.cursors[chance.below(self.cursors.len())].clone()
    }

    pub fn token(&self, chance: &mut Chance) -> String {
        self.tokens[chance.below(self.tokens.len())].clone()
    }

    /// What the role goes by in reports.
    pub fn role_name(&self) -> &'static str {
        self.role.map_or("nobody", Role::as_str)
    }
}

/// The person with new tokens, where they still are of that role and may sign in.
async fn signed_in(app: &TestApp, person: &Person, role: Role) -> Option<Person> {
    let body = json!({"email": person.email, "password": person.password});
    let login = || app.post("/login/").json(body.clone()).try_send();
    // The connection may have been closing: see `send`.
    let login = match login().await {
        Ok(answer) => answer,
        Err(_) => login().await.ok()?,
    };
    let text = |name: &str| login.json[name].as_str().map(str::to_owned);
    let is_of_role = login.json["user"]["role"] == role.as_str();
    is_of_role.then_some(())?;
    Some(Person { access: text("access")?, refresh: text("refresh")?, ..person.clone() })
}

/// A cursor as the program makes them, with something else in it.
pub fn forged_cursor(chance: &mut Chance, real: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    let json = BASE64.decode(real).ok().and_then(|json| serde_json::from_slice(&json).ok());
    let Some(mut cursor): Option<Value> = json else { return real.to_owned() };
    let key = match chance.below(6) {
        0 => json!(i64::MIN),
        1 => json!(i64::MAX),
        2 => json!([i64::MAX, i64::MIN]),
        3 => json!([super::text::hostile(chance, 200), -1]),
        4 => json!([[], {}]),
        _ => cursor["k"].clone(),
    };
    cursor["k"] = key;
    if chance.one_in(3) {
        cursor["o"] = json!(chance.pick(&["name", "-name", "price", "-price", "-created_at", ""]));
    }
    if chance.one_in(3) {
        cursor["i"] = json!(true);
    }
    BASE64.encode(cursor.to_string())
}
