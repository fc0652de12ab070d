//! The program's own description of what it takes.

use serde_json::Value;

const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

/// The document, and what stands in it.
pub struct Document {
    root: Value,
    pub operations: Vec<Operation>,
}

/// One way to ask for something.
pub struct Operation {
    pub method: String,
    pub path: String,
    pub parameters: Vec<Parameter>,
    /// Content types and schemas; null where the body is bytes.
    pub bodies: Vec<(String, Value)>,
    /// Whether nobody has to be signed in.
    pub is_open: bool,
}

/// What is sent besides a body.
pub struct Parameter {
    pub name: String,
    pub place: String,
    pub schema: Value,
    pub required: bool,
}

/// What a text is meant to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Text { longest: usize },
    Search,
    Id(String),
    Time,
    Email,
    Password,
    Choice(Vec<String>),
    Amount,
    Currency,
    Cursor,
    Token,
    Digits,
    Tag,
    Range,
}

impl Document {
    pub fn read(root: Value) -> Self {
        let paths = root["paths"].as_object().expect("a document has paths");
        let operations = paths.iter().flat_map(|(path, item)| {
            METHODS
                .into_iter()
                .filter_map(|method| Some(Operation::read(&root, method, path, item.get(method)?)))
        });
        let operations = operations.collect();
        Self { root, operations }
    }

    /// The schema that a reference leads to, and the name that it goes by.
    pub fn resolve<'a>(&'a self, schema: &'a Value) -> (&'a str, &'a Value) {
        match schema["$ref"].as_str() {
            Some(reference) => {
                let name = reference.rsplit('/').next().unwrap_or_default();
                (name, &self.root["components"]["schemas"][name])
            }
            None => ("", schema),
        }
    }

    /// What a text of that name and schema is meant to be.
    pub fn kind(&self, name: &str, schema: &Value) -> Kind {
        let (reference, schema) = self.resolve(schema);
        if let Some(choices) = schema["enum"].as_array() {
            let text = |choice: &Value| choice.as_str().unwrap_or_default().to_owned();
            return Kind::Choice(choices.iter().map(text).collect());
        }
        match schema["format"].as_str() {
            Some("uuid") => return Kind::Id(reference.to_owned()),
            Some("date-time") => return Kind::Time,
            Some("email") => return Kind::Email,
            Some("password") => return Kind::Password,
            _ => {}
        }
        by_name(name).unwrap_or_else(|| {
            let longest = schema["maxLength"].as_u64().unwrap_or(200);
            Kind::Text { longest: usize::try_from(longest).unwrap() }
        })
    }
}

fn by_name(name: &str) -> Option<Kind> {
    let ordering = ["created_at", "-created_at", "name", "-name", "price", "-price"];
    Some(match name {
        "q" => Kind::Search,
        "cursor" => Kind::Cursor,
        "ordering" => Kind::Choice(ordering.map(str::to_owned).to_vec()),
        "user" | "uploaded_by" | "moderator" => Kind::Id("UserId".to_owned()),
        "product" => Kind::Id("ProductId".to_owned()),
        "since" | "until" => Kind::Time,
        "amount" | "price_amount" => Kind::Amount,
        "currency" | "price_currency" => Kind::Currency,
        "uid" | "token" | "refresh" | "signature" | "challenge" | "code" | "data" => Kind::Token,
        "If-Match" | "If-None-Match" => Kind::Tag,
        "Range" => Kind::Range,
        "Last-Event-ID"
        | "Upload-Length"
        | "Upload-Offset"
        | "Upload-Defer-Length"
        | "limit"
        | "version"
        | "position" => Kind::Digits,
        _ => return None,
    })
}

/// Parameters that stand for the header Authorization.
fn keys<'a>(root: &'a Value, operation: &'a Value) -> impl Iterator<Item = Parameter> + 'a {
    let schemes = operation["security"].as_array().into_iter().flatten();
    let schemes = schemes.flat_map(|scheme| scheme.as_object().unwrap().keys());
    let schemes = schemes.map(|name| &root["components"]["securitySchemes"][name]);
    schemes.filter(|scheme| scheme["type"] == "apiKey").map(Parameter::read)
}

impl Operation {
    fn read(root: &Value, method: &str, path: &str, operation: &Value) -> Self {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let content = operation["requestBody"]["content"].as_object().into_iter().flatten();
        Self {
            method: method.to_uppercase(),
            path: path.to_owned(),
            parameters: parameters.map(Parameter::read).chain(keys(root, operation)).collect(),
            is_open: operation["security"].as_array().unwrap().is_empty(),
            bodies: content.map(|(kind, body)| (kind.clone(), body["schema"].clone())).collect(),
        }
    }
}

impl Parameter {
    fn read(parameter: &Value) -> Self {
        let text = |member: &str| parameter[member].as_str().unwrap_or_default().to_owned();
        Self {
            name: text("name"),
            place: text("in"),
            schema: parameter["schema"].clone(),
            required: parameter["required"] == true,
        }
    }
}
