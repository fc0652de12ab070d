//! Reading variables, and remembering where each came from.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use secrecy::SecretString;
use serde::Serialize;

use super::hiding::hide_secrets;
use super::{ConfigError, Storage};

/// The end of the sentence "VARIABLE must be …".
pub type Expected = String;

/// Where a setting's value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Origin {
    /// The process's environment, which wins.
    #[serde(rename = "environment")]
    Environment,
    /// The file `.env` in the working directory.
    #[serde(rename = ".env")]
    File,
    /// Nobody set it.
    #[serde(rename = "default")]
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(match self {
            Self::Environment => "environment",
            Self::File => ".env",
            Self::Default => "default",
        })
    }
}

/// One variable with the value in force; secrets are hidden already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The variable's name.
    pub variable: &'static str,
    /// The value, or in brackets what happens without one.
    pub value: String,
    /// Who said so.
    pub origin: Origin,
}

/// The environment and `.env`, as text. An empty value counts as unset.
#[derive(Default)]
pub struct Variables {
    pub environment: HashMap<String, String>,
    pub file: HashMap<String, String>,
}

impl Variables {
    /// Nothing is written back to the environment: that is not safe with threads.
    pub fn read() -> Result<Self, ConfigError> {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| {
                // What is not UTF-8 stays recognisably wrong, so that parsing names the variable.
                Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
            })
            .collect();
        Ok(Self { environment, file: read_file(Path::new(".env"))? })
    }

    fn get(&self, name: &str) -> Option<(&str, Origin)> {
        [(&self.environment, Origin::Environment), (&self.file, Origin::File)].into_iter().find_map(
            |(map, origin)| {
                let value = map.get(name)?.trim();
                (!value.is_empty()).then_some((value, origin))
            },
        )
    }

    /// The text of a variable.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).map(|(text, _)| text)
    }

    /// Every `AWS_…` variable: the S3 client's own settings, from either place.
    pub fn aws(&self) -> BTreeMap<String, SecretString> {
        let both = self.file.iter().chain(&self.environment);
        both.filter(|(name, value)| name.starts_with("AWS_") && !value.is_empty())
            .map(|(name, value)| (name.clone(), SecretString::from(value.clone())))
            .collect()
    }
}

fn read_file(path: &Path) -> Result<HashMap<String, String>, ConfigError> {
    let lines = match dotenvy::from_path_iter(path) {
        Ok(lines) => lines,
        Err(error) if error.not_found() => return Ok(HashMap::new()),
        Err(error) => return Err(ConfigError::File(error.to_string())),
    };
    lines
        .map(|line| {
            line.map_err(|error| match error {
                // The rest of the line may be a secret.
                dotenvy::Error::LineParse(line, _) => ConfigError::File(format!(
                    "the line that starts with {:?} is not one",
                    line.split('=').next().unwrap_or_default()
                )),
                other => ConfigError::File(other.to_string()),
            })
        })
        .collect()
}

/// Takes settings one by one and notes each for `vetted config`.
pub struct Reader {
    variables: Variables,
    settings: Vec<Setting>,
}

impl Reader {
    pub fn new(variables: Variables) -> Self {
        Self { variables, settings: Vec::new() }
    }

    /// A plain value, or `default` where it is unset.
    pub fn value<T>(
        &mut self,
        variable: &'static str,
        default: &str,
        parse: impl FnOnce(&str) -> Result<T, Expected>,
    ) -> Result<T, ConfigError> {
        let (text, origin) = self.variables.get(variable).unwrap_or((default, Origin::Default));
        let text = text.to_owned();
        let value = parse(&text).map_err(|expected| ConfigError::Invalid {
            variable,
            expected,
            given: Some(text.clone()),
        })?;
        self.settings.push(Setting { variable, value: text, origin });
        Ok(value)
    }

    /// An address that may hold a password; `unset` says what happens without it.
    pub fn secret_url(
        &mut self,
        variable: &'static str,
        unset: &str,
        check: impl FnOnce(&str) -> Result<(), Expected>,
    ) -> Result<Option<SecretString>, ConfigError> {
        let Some((text, origin)) = self.variables.get(variable) else {
            self.note(variable, format!("({unset})"), Origin::Default);
            return Ok(None);
        };
        let text = text.to_owned();
        check(&text).map_err(|expected| ConfigError::Invalid {
            variable,
            expected,
            given: None,
        })?;
        self.note(variable, hide_secrets(&text), origin);
        Ok(Some(text.into()))
    }

    /// `STORAGE_URL`, or the folder `unset`.
    pub fn storage(
        &mut self,
        unset: &Path,
        parse: impl FnOnce(&str) -> Result<Storage, Expected>,
    ) -> Result<Storage, ConfigError> {
        let variable = "STORAGE_URL";
        let Some((text, origin)) = self.variables.get(variable) else {
            self.note(variable, format!("(the folder {})", unset.display()), Origin::Default);
            return Ok(Storage::Folder(unset.to_owned()));
        };
        let text = text.to_owned();
        let storage = parse(&text).map_err(|expected| ConfigError::Invalid {
            variable,
            expected,
            given: None,
        })?;
        self.note(variable, hide_secrets(&text), origin);
        Ok(storage)
    }

    /// By name.
    pub fn into_settings(mut self) -> Vec<Setting> {
        self.settings.sort_by_key(|setting| setting.variable);
        self.settings
    }

    fn note(&mut self, variable: &'static str, value: String, origin: Origin) {
        self.settings.push(Setting { variable, value, origin });
    }
}
