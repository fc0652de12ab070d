//! One person of each role, and fresh things to do something with.

use std::collections::HashMap;
use std::sync::Mutex;

use domain::Role;
use serde_json::json;
use uuid::Uuid;

use super::table::{Row, Whose};
use crate::support::{Person, TestApp, video};

/// What the matrix is asked in.
pub struct World {
    pub app: TestApp,
    pub people: HashMap<Role, Person>,
    pub admin: Person,
    pub moderator: Person,
    /// Was an ADMIN, with tokens that have not expired.
    pub deactivated: Person,
    /// Owns what is not the caller's.
    pub stranger: Person,
    pub category: String,
    /// May be ordered.
    pub listed: String,
    /// Made while everybody was an END_USER: moderators buy nothing, and an AUDITOR
    /// sells nothing.
    stock: Mutex<HashMap<(Role, Kind), Vec<String>>>,
    /// Products with a video that can be shown.
    shown: HashMap<Option<Role>, [String; 2]>,
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Nobody,
    Role(Role),
    Deactivated,
}

impl Who {
    /// Whose things are the caller's own.
    pub fn role(self) -> Option<Role> {
        match self {
            Self::Role(role) => Some(role),
            Self::Nobody | Self::Deactivated => None,
        }
    }
}

/// What the path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Nothing,
    User,
    Session,
    Category,
    Product,
    ShownProduct,
    Upload,
    Order,
    Policy,
}

impl Kind {
    pub fn of(row: &Row) -> Self {
        let [_, path, _] = row.words();
        match path.split('/').nth(1) {
            _ if !path.contains("{id}") => Self::Nothing,
            Some("users") => Self::User,
            Some("me") => Self::Session,
            Some("categories") => Self::Category,
            Some("products") if path.ends_with("/video/") => Self::ShownProduct,
            Some("products") if path.ends_with("/poster/") => Self::ShownProduct,
            Some("products") if path.ends_with("/sprite/") => Self::ShownProduct,
            Some("products") if path.ends_with("/thumbnails.vtt") => Self::ShownProduct,
            Some("products") => Self::Product,
            Some("uploads") => Self::Upload,
            Some("orders") => Self::Order,
            Some("policies") => Self::Policy,
            other => panic!("nobody knows how to make one of {other:?}"),
        }
    }
}

impl World {
    /// With as much in stock as the rows take.
    pub async fn start(rows: &[Row]) -> Self {
        let app = TestApp::start().await;
        let (admin, moderator) = (app.user(Role::Admin).await, app.user(Role::Staff).await);
        let stranger = app.user(Role::EndUser).await;
        let category = app.category(&moderator, "Lamps").await;
        let listed = app.approved_product(&stranger, &moderator, &category).await;
        let deactivated = app.user(Role::Admin).await;
        let (path, shut) = (format!("/users/{}/", deactivated.id), json!({"is_active": false}));
        app.patch(&path).by(&admin).json(shut).send().await.expect(200);
        let (people, stock, shown) = (HashMap::new(), Mutex::default(), HashMap::new());
        let mut world = Self {
            app,
            people,
            admin: admin.clone(),
            moderator,
            deactivated,
            stranger,
            category,
            listed,
            stock,
            shown,
        };
        for role in Role::ALL {
            let person = world.app.user(Role::EndUser).await;
            world.fill(role, &person, rows).await;
            let person = world.promoted(&admin, person, role).await;
            world.people.insert(role, person);
        }
        if rows.iter().any(|row| Kind::of(row) == Kind::ShownProduct) {
            let hidden = world.shown_product(&world.stranger).await;
            let visible = world.shown_product(&world.stranger).await;
            world.approve(&visible).await;
            world.shown.insert(None, [hidden, visible]);
        }
        world
    }

    async fn fill(&mut self, role: Role, person: &Person, rows: &[Row]) {
        for row in rows.iter().filter(|row| row.cells.iter().any(|(whose, _)| *whose == Whose::Own))
        {
            let kind = Kind::of(row);
            let made = match kind {
                Kind::Product => self.product(person).await,
                Kind::Order => self.app.order(person, &[&self.listed]).await,
                Kind::Upload => self.upload(person).await,
                Kind::ShownProduct if !self.shown.contains_key(&Some(role)) => {
                    let made = self.shown_product(person).await;
                    self.shown.insert(Some(role), [made.clone(), made]);
                    continue;
                }
                Kind::ShownProduct
                | Kind::Nothing
                | Kind::User
                | Kind::Session
                | Kind::Category
                | Kind::Policy => continue,
            };
            self.stock.lock().unwrap().entry((role, kind)).or_default().push(made);
        }
    }

    /// Given another role by an ADMIN, and signed in again.
    async fn promoted(&self, admin: &Person, person: Person, role: Role) -> Person {
        if role == Role::EndUser {
            return person;
        }
        let path = format!("/users/{}/", person.id);
        self.app.patch(&path).by(admin).json(json!({"role": role})).send().await.expect(200);
        self.app.sign_in(&person.email, &person.password).await
    }

    /// The id for the path.
    pub async fn thing(&self, row: &Row, whose: Whose, who: Option<Role>) -> String {
        let kind = Kind::of(row);
        match (kind, whose, who) {
            (_, Whose::Missing, _) => Uuid::now_v7().to_string(),
            (_, Whose::Nobodys, _) => String::new(),
            (Kind::Category, ..) => {
                self.app.category(&self.moderator, &format!("Shelf {}", Uuid::now_v7())).await
            }
            (Kind::Policy, ..) => self.app.policy(&self.admin, "Returns").await,
            (Kind::User, Whose::Own, Some(role)) => self.people[&role].id.clone(),
            (Kind::Session, Whose::Own, Some(role)) => self.session(&self.people[&role]).await,
            (Kind::Session, ..) => self.session(&self.stranger).await,
            (Kind::User, ..) => self.app.user(Role::EndUser).await.id,
            (Kind::ShownProduct, Whose::Own, Some(_)) => self.shown[&who][0].clone(),
            (Kind::ShownProduct, Whose::Visible, _) => self.shown[&None][1].clone(),
            (Kind::ShownProduct, ..) => self.shown[&None][0].clone(),
            (Kind::Product | Kind::Order | Kind::Upload, Whose::Own, Some(role)) => {
                let mut stock = self.stock.lock().unwrap();
                stock.get_mut(&(role, kind)).and_then(Vec::pop).expect("enough is in stock")
            }
            (Kind::Product, Whose::Visible, _) => {
                let made = self.product(&self.stranger).await;
                self.approve(&made).await;
                made
            }
            (Kind::Product, ..) => self.product(&self.stranger).await,
            (Kind::Upload, ..) => self.upload(&self.stranger).await,
            (Kind::Order, ..) => self.app.order(&self.stranger, &[&self.listed]).await,
            (Kind::Nothing, ..) => unreachable!("a path without an id names nothing"),
        }
    }

    /// Another session than the one that the person calls in.
    async fn session(&self, person: &Person) -> String {
        let other = self.app.sign_in(&person.email, &person.password).await;
        let sessions = self.app.get("/me/sessions/").by(&other).send().await.expect(200).json;
        let sessions = sessions.as_array().unwrap();
        let newest = sessions.iter().find(|session| session["current"] == true).unwrap();
        newest["id"].as_str().unwrap().to_owned()
    }

    /// One that bytes can be sent to.
    async fn upload(&self, owner: &Person) -> String {
        let call = self.app.post("/uploads/").by(owner).header("Tus-Resumable", "1.0.0");
        let made = call.header("Upload-Length", "5").send().await.expect(201);
        made.header("location").trim_matches('/').rsplit('/').next().unwrap().to_owned()
    }

    async fn product(&self, owner: &Person) -> String {
        self.app.product(owner, &self.category, "Lamp").await
    }

    async fn approve(&self, product: &str) {
        self.app.approve(&self.moderator, product).await.expect(200);
    }

    async fn shown_product(&self, owner: &Person) -> String {
        let made = self.app.product_with(owner, &self.category, video::mp4()).await;
        let seen = self.app.processed(owner, &made).await;
        assert_eq!(seen["processing_status"], "READY", "{seen}");
        made
    }
}
