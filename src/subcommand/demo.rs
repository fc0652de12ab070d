//! `vetted demo`: made-up data, through the real commands.

use commands::{Commands, Context};
use domain::category::CreateCategory;
use domain::product::{ApproveProduct, ProductDetails, Reason};
use domain::{
    Actor, CategoryId, Currency, FieldErrors, Metadata, Money, NewEmailAddress, ProductId,
    RequestId, Role, Text, UserId,
};
use futures::{StreamExt, TryStreamExt, stream};
use identity::IfMissing;
use pool::PgPool;
use serde_json::json;
use uuid::Uuid;

use super::users;
use crate::config::Config;
use crate::error::Error;
use crate::parts::{self, Database};
use crate::progress::Progress;
use crate::read_models;

/// Commands under way at once: what fills a group commit.
const AT_ONCE: usize = 128;
const SHELVES: [&str; 6] = ["Books", "Chairs", "Lamps", "Bicycles", "Cameras", "Instruments"];
const KINDS: [&str; 8] =
    ["Oak", "Travel", "Vintage", "Folding", "Northern", "Quiet", "Studio", "Garden"];

/// How much to make up.
#[derive(clap::Args)]
pub struct Demo {
    /// How many products to make
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = super::count::<u32>)]
    products: u32,
    /// Add them even where there are accounts already
    ///
    /// One of the new accounts is STAFF, with a password that is printed.
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Who acts in the made-up data.
struct People {
    seller: Context,
    moderator: Context,
    password: String,
    emails: [String; 2],
}

/// Makes the data.
pub async fn run(config: &Config, demo: &Demo) -> Result<(), Error> {
    let total = demo.products;
    let people = Database::with_one(config, IfMissing::Create, async |pool| {
        if !demo.yes {
            refuse_among_people(pool).await?;
        }
        read_models::ensure_up_to_date(config, pool).await?;
        let commands = parts::commands(config, pool, &config.public_url, IfMissing::Create).await?;
        fill(&commands, total, Progress::new(config.log_format, "making products")).await
    })
    .await?;
    let ([seller, moderator], password) = (&people.emails, &people.password);
    let made = json!({ "products": total, "seller": seller, "moderator": moderator, "password": password });
    let line = format!(
        "Made {total} products of {seller}, moderated by {moderator}; both have the password {password}."
    );
    super::tell(demo.json, &made, &line)
}

/// An account that moderates, with a password on somebody's screen, is no good among real people.
async fn refuse_among_people(pool: &PgPool) -> Result<(), Error> {
    let tables = sqlx::query_scalar("SELECT to_regclass('users') IS NOT NULL").fetch_one(pool);
    let is_migrated: bool = tables.await?;
    let people = "SELECT EXISTS (SELECT FROM users)";
    if is_migrated && sqlx::query_scalar(people).fetch_one(pool).await? {
        let refusal = "this database has accounts already: use another one for made-up data, or \
                       run it with --yes";
        return Err(Error::Usage(refusal.to_owned()));
    }
    Ok(())
}

async fn fill(commands: &Commands, total: u32, progress: Progress) -> Result<People, Error> {
    let people = people(commands).await?;
    let shelves = shelves(commands, &people).await?;
    let done = std::cell::Cell::new(0);
    stream::iter(0..total)
        .map(|number| one(commands, &people, &shelves, number))
        .buffer_unordered(AT_ONCE)
        .try_for_each(|()| {
            done.set(done.get() + 1);
            progress.at(done.get(), i64::from(total));
            std::future::ready(Ok(()))
        })
        .await?;
    Ok(people)
}

async fn people(commands: &Commands) -> Result<People, Error> {
    let run = Uuid::now_v7().simple().to_string();
    let password = run.chars().rev().take(16).collect::<String>();
    let emails = [format!("seller-{run}@demo.example"), format!("staff-{run}@demo.example")];
    let mut contexts = vec![];
    for (email, role) in emails.iter().zip([Role::EndUser, Role::Staff]) {
        let email: NewEmailAddress =
            email.parse().map_err(|error| Error::Usage(format!("{email}: {error}")))?;
        let id = users::make(commands, &email, &password, role).await?;
        contexts.push(context(id, role));
    }
    let (Some(moderator), Some(seller)) = (contexts.pop(), contexts.pop()) else {
        return Err(Error::Usage("no people were made".to_owned()));
    };
    Ok(People { seller, moderator, password, emails })
}

fn context(id: UserId, role: Role) -> Context {
    let request = RequestId::from_uuid(Uuid::now_v7());
    let metadata = Metadata::of(Actor::User { id, role }, request);
    Context { metadata, expected: None, idempotency: None }
}

async fn shelves(commands: &Commands, people: &People) -> Result<Vec<CategoryId>, Error> {
    let run = Uuid::now_v7().simple().to_string();
    let mut shelves = vec![];
    for name in SHELVES {
        let body = json!({ "name": format!("{name} {}", &run[20..]), "description": "Made up." });
        let create: CreateCategory = domain::read(body).map_err(unexpected)?;
        shelves.push(commands.create_category(&people.moderator, create).await?.id);
    }
    Ok(shelves)
}

fn unexpected(errors: FieldErrors) -> Error {
    Error::Usage(errors.to_string())
}

/// One product: most are approved, some rejected, some wait.
async fn one(
    commands: &Commands,
    people: &People,
    shelves: &[CategoryId],
    number: u32,
) -> Result<(), Error> {
    let place = usize::try_from(number).unwrap_or(0);
    let shelf = shelves.get(place % shelves.len().max(1)).copied();
    let category = shelf.ok_or_else(|| Error::Usage("there is no category".to_owned()))?;
    let details = made_up(number, category)?;
    let id = commands.submit_product(&people.seller, details, None).await?.id;
    judge(commands, people, id, number).await
}

fn made_up(number: u32, category: CategoryId) -> Result<ProductDetails, Error> {
    let place = usize::try_from(number).unwrap_or(0);
    let kind = KINDS.get(place % KINDS.len()).copied().unwrap_or("Plain");
    let text = |error: domain::TextError| Error::Usage(error.to_string());
    let currency: Currency =
        "EUR".parse().map_err(|error: domain::MoneyError| Error::Usage(error.to_string()))?;
    Ok(ProductDetails {
        name: Text::try_new(&format!("{kind} thing no. {number}")).map_err(text)?,
        description: Text::try_new("Made up, to have something to look at.").map_err(text)?,
        category,
        price: Some(Money::new(100 + i64::from(number % 9_900), currency)),
    })
}

async fn judge(
    commands: &Commands,
    people: &People,
    id: ProductId,
    number: u32,
) -> Result<(), Error> {
    match number % 10 {
        0 => {}
        1 => {
            let reason = Reason::try_new("The description says too little.")
                .map_err(|error| Error::Usage(error.to_string()))?;
            commands.reject_product(&people.moderator, id, reason.into(), false).await?;
        }
        _ => {
            commands.approve_product(&people.moderator, id, ApproveProduct::default()).await?;
        }
    }
    Ok(())
}
