//! What is sent to make or change a product: JSON, or a form with a video.

use axum::extract::Request;
use commands::NewVideo;
use deserr::Deserr;
use domain::{FieldErrors, UploadId};
use http::request::Parts;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::upload::Staged;
use crate::App;
use crate::access::caller::Caller;
use crate::http::fingerprint::Digest;
use crate::http::input::object;
use crate::http::media_type::media_type;
use crate::http::multipart::{OTHER_PARTS, Part, Reader};
use crate::http::problem::Problem;

/// The parts that are text. Others than these and `video` are refused.
const TEXTS: [&str; 6] =
    ["name", "description", "category_id", "price_amount", "price_currency", "upload_id"];
/// Bytes of a part that is no file.
const LARGEST_TEXT: usize = 32 * 1024;
/// More than the longest description takes: 20,000 characters of up to 4 bytes.
const LARGEST_DESCRIPTION: usize = 100_000;
/// How a problem names the bodies that are read.
const KINDS: &str = "application/json or multipart/form-data";

/// A product as a form, with its video as a file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct ProductForm {
    /// Its name.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Its description.
    #[schema(max_length = 20000, required = false)]
    description: String,
    /// The id of its category.
    category_id: domain::CategoryId,
    /// Its price as a decimal number, if it has one.
    #[schema(required = false)]
    price_amount: String,
    /// The currency of its price (ISO 4217).
    #[schema(required = false)]
    price_currency: String,
    /// The id of a finished upload of the caller's that becomes its video, instead of a file.
    #[schema(required = false)]
    upload_id: UploadId,
    /// Its video.
    #[schema(value_type = String, format = Binary, required = false)]
    video: Vec<u8>,
}

/// Changes of a product as a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct ProductEditForm {
    /// A new name.
    #[schema(min_length = 1, max_length = 200, required = false)]
    name: String,
    /// A new description.
    #[schema(max_length = 20000, required = false)]
    description: String,
    /// The id of another category.
    #[schema(required = false)]
    category_id: domain::CategoryId,
    /// A new price as a decimal number; empty for none.
    #[schema(required = false)]
    price_amount: String,
    /// The currency of the new price (ISO 4217).
    #[schema(required = false)]
    price_currency: String,
    /// The id of a finished upload of the caller's that replaces its video, instead of a file.
    #[schema(required = false)]
    upload_id: UploadId,
    /// A video that replaces the present one.
    #[schema(value_type = String, format = Binary, required = false)]
    video: Vec<u8>,
}

/// A body, not yet read, and the video that came with it.
pub(super) struct Received {
    pub body: Map<String, Value>,
    pub video: Option<Staged>,
    is_form: bool,
    /// What is wrong with the parts of a form.
    wrong: FieldErrors,
}

impl Received {
    /// Takes a body in; the video of a form goes to storage while it arrives.
    pub(super) async fn from(
        request: Request,
        app: &App,
        caller: &Caller,
    ) -> Result<Self, Problem> {
        let kind = media_type(request.headers());
        let is_form = kind.is_some_and(|kind| kind.essence_str() == mime::MULTIPART_FORM_DATA);
        if !is_form {
            let body = object(request, KINDS).await?;
            return Ok(Self { body, video: None, is_form, wrong: FieldErrors::default() });
        }
        let (parts, body) = request.into_parts();
        let reader = Reader::try_new(&parts.headers, body, app.settings.max_video_bytes)?;
        let mut form = Form::new(app, &parts);
        form.read(reader).await?;
        let Form { digest, texts, video, errors, .. } = form;
        caller.fingerprinted(digest.finish());
        Ok(Self { body: members(texts), video, is_form, wrong: errors })
    }

    /// Reads the body; errors name the fields as they were sent, with what is wrong with the parts
    /// of a form among them.
    pub(super) fn read<T: Deserr<FieldErrors>>(
        &mut self,
        read: impl FnOnce(Map<String, Value>) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let result = read(std::mem::take(&mut self.body));
        let wrong = std::mem::take(&mut self.wrong);
        if !self.is_form {
            return result;
        }
        match result {
            Ok(read) => Ok(wrong.into_result().map(|()| read)?),
            Err(problem) => Err(as_parts(problem).with_more(wrong)),
        }
    }
}

impl Received {
    /// The video that the product is to have: the file, or else the upload that the body names.
    pub(super) fn new_video(&self, upload: Option<UploadId>) -> Result<Option<NewVideo>, Problem> {
        match (&self.video, upload) {
            (Some(_), Some(_)) => {
                Err(FieldErrors::one("upload_id", "Send either a file or an upload.").into())
            }
            (Some(staged), None) => Ok(Some(NewVideo::Received(staged.video.clone()))),
            (None, upload) => Ok(upload.map(NewVideo::Upload)),
        }
    }
}

struct Form<'a> {
    app: &'a App,
    digest: Digest,
    texts: Map<String, Value>,
    video: Option<Staged>,
    seen: Vec<String>,
    errors: FieldErrors,
}

impl<'a> Form<'a> {
    fn new(app: &'a App, parts: &Parts) -> Self {
        Self {
            app,
            digest: Digest::of_upload(parts),
            texts: Map::new(),
            video: None,
            seen: vec![],
            errors: FieldErrors::default(),
        }
    }

    /// To the end, whatever is wrong, so that everything wrong is told at once; but a text that is
    /// larger than all texts of a form may be is refused there and then.
    async fn read(&mut self, mut reader: Reader) -> Result<(), Problem> {
        while let Some(mut part) = reader.next().await? {
            let content = self.take(&mut part).await?;
            self.digest.part(&part.name, part.file.as_deref(), &content);
        }
        Ok(())
    }

    /// Takes a part in; gives the SHA-256 of its content.
    async fn take(&mut self, part: &mut Part) -> Result<[u8; 32], Problem> {
        let name = part.name.clone();
        let is_text = TEXTS.contains(&name.as_str());
        if self.seen.contains(&name) {
            self.errors.add(&name, "Send this part once.");
        } else if is_text {
            self.seen.push(name);
            return self.text(part).await;
        } else if name == "video" {
            self.seen.push(name);
            return self.file(part).await;
        } else {
            self.errors.add(field_of(&name), "Unknown field: leave it out.");
        }
        Ok(self.whole(part).await?.1)
    }

    /// Takes a text in; a broken one too, so that it does not count as missing.
    async fn text(&mut self, part: &mut Part) -> Result<[u8; 32], Problem> {
        let (bytes, content) = self.whole(part).await?;
        let text = String::from_utf8(bytes).unwrap_or_else(|error| {
            self.errors.add(&part.name, "This is not UTF-8 text.");
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        });
        self.texts.insert(part.name.clone(), Value::String(text));
        Ok(content)
    }

    /// The content of a part that is no file, as far as it is read, and the SHA-256 of all of it.
    async fn whole(&mut self, part: &mut Part) -> Result<(Vec<u8>, [u8; 32]), Problem> {
        let largest = if part.name == "description" { LARGEST_DESCRIPTION } else { LARGEST_TEXT };
        let (mut bytes, mut content, mut length) = (vec![], Sha256::new(), 0);
        while let Some(chunk) = part.chunk().await? {
            length += chunk.len();
            if length > largest {
                let message = format!("This part is too long: at most {largest} bytes are read.");
                self.errors.add(field_of(&part.name), message);
            }
            if length as u64 > OTHER_PARTS {
                return Err(std::mem::take(&mut self.errors).into());
            }
            content.update(&chunk);
            bytes.extend_from_slice(&chunk[..chunk.len().min(largest - bytes.len())]);
        }
        Ok((bytes, content.finalize().into()))
    }

    /// A form with a file field that was left empty sends a part without name and content.
    async fn file(&mut self, part: &mut Part) -> Result<[u8; 32], Problem> {
        let Some(file) = part.file.clone() else {
            self.errors.add("video", "A file is expected.");
            return Ok(self.whole(part).await?.1);
        };
        if !self.errors.is_empty() {
            return skip(part).await;
        }
        let staged = Staged::receive(self.app, part).await?;
        let content = staged.content;
        match (staged.video.size, file.is_empty()) {
            (0, true) => {}
            (0, false) => self.errors.add("video", "The file is empty."),
            _ => self.video = Some(staged),
        }
        Ok(content)
    }
}

/// Where errors of a part are told.
const fn field_of(name: &str) -> &str {
    if name.is_empty() { "body" } else { name }
}

/// Reads a file that is not kept.
async fn skip(part: &mut Part) -> Result<[u8; 32], Problem> {
    let mut content = Sha256::new();
    while let Some(chunk) = part.chunk().await? {
        content.update(&chunk);
    }
    Ok(content.finalize().into())
}

/// The members as JSON has them: the price is one object, or none where its parts are empty.
fn members(mut texts: Map<String, Value>) -> Map<String, Value> {
    let (amount, currency) = (texts.remove("price_amount"), texts.remove("price_currency"));
    if amount.is_none() && currency.is_none() {
        return texts;
    }
    let given = |value: Option<Value>| value.filter(|value| value != "");
    let mut price = Map::new();
    price.extend(given(amount).map(|amount| ("amount".to_owned(), amount)));
    price.extend(given(currency).map(|currency| ("currency".to_owned(), currency)));
    texts.insert("price".to_owned(), if price.is_empty() { Value::Null } else { json!(price) });
    texts
}

/// The fields of a price by the names that its parts have in a form.
fn as_parts(problem: Problem) -> Problem {
    let errors = problem.errors().clone().renamed(|field| match field {
        "price.amount" => "price_amount",
        "price.currency" => "price_currency",
        other => other,
    });
    problem.with_errors(errors)
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;
    use utoipa::openapi::{RefOr, Schema};

    use super::*;

    fn texts(value: Value) -> Value {
        let Value::Object(texts) = value else { panic!("an object") };
        Value::Object(members(texts))
    }

    #[test]
    fn the_parts_that_are_read_are_those_that_are_documented() {
        let documented = |schema: RefOr<Schema>| {
            let RefOr::T(Schema::Object(form)) = schema else { panic!("an object") };
            form.properties.into_keys().collect::<Vec<_>>()
        };
        let read = [TEXTS.as_slice(), &["video"]].concat();
        assert_eq!(documented(ProductForm::schema()), read);
        assert_eq!(documented(ProductEditForm::schema()), read);
    }

    #[test]
    fn the_parts_of_a_price_become_one_member() {
        assert_eq!(
            texts(json!({"name": "Lamp", "price_amount": "12.50", "price_currency": "EUR"})),
            json!({"name": "Lamp", "price": {"amount": "12.50", "currency": "EUR"}})
        );
    }

    #[test]
    fn empty_parts_of_a_price_take_it_away_and_none_leave_it_out() {
        assert_eq!(
            texts(json!({"price_amount": "", "price_currency": ""})),
            json!({"price": null})
        );
        assert_eq!(texts(json!({"name": "Lamp"})), json!({"name": "Lamp"}));
    }

    #[test]
    fn errors_name_the_parts_that_were_sent() {
        let problem = as_parts(FieldErrors::one("price.currency", "Required.").into());
        assert!(problem.errors().fields().any(|field| field == "price_currency"));
    }
}
