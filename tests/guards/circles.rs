//! No circles between modules: of those side by side in a folder, none is built on one that is built on it.
//!
//! A name that a module takes from the one above counts as taken from the module that it is re-exported from
//! there. What the one above defines itself does not count, nor that it names those below it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{root, sources};

/// The circles of the two registries: what is done to every read model, and every kind of stream. The list only gets
/// shorter, but for the aggregates in its last line.
const KNOWN: [(&str, &[&str]); 2] = [
    ("projections/src", &["batch", "category", "models", "product", "snapshot", "timeline"]),
    ("domain/src", &["aggregate", "category", "order", "policy", "product", "streams", "user"]),
];

/// A module, by its path from the root of its crate.
type Module = Vec<String>;

/// What one module says of others.
#[derive(Default)]
struct Names {
    /// Paths that it imports, each with the name that it has here.
    imports: Vec<(Module, String)>,
    /// Paths that begin with `crate`, `super` or `self`.
    paths: Vec<Module>,
}

struct Crate {
    modules: BTreeMap<Module, Names>,
    below: BTreeMap<Module, BTreeSet<String>>,
}

#[test]
fn no_module_is_built_on_one_that_is_built_on_it() {
    let crates = [
        "api/src",
        "commands/src",
        "domain/src",
        "identity/src",
        "log/src",
        "pool/src",
        "projections/src",
        "src",
        "workers/src",
    ];
    let found: BTreeSet<_> = crates.iter().flat_map(|folder| circles(folder)).collect();

    let known = KNOWN.iter().map(|(folder, modules)| {
        ((*folder).to_owned(), modules.iter().map(|name| (*name).to_owned()).collect())
    });
    let known: BTreeSet<(String, BTreeSet<String>)> = known.collect();
    let new: Vec<_> = found.difference(&known).collect();
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "circles that are not known: {new:#?}\nthese are no more, take them out of KNOWN: {gone:#?}"
    );
}

#[test]
fn a_circle_is_found_through_what_is_exported_again() {
    let text = |text: &str| Names::read(text);
    let modules = BTreeMap::from([
        (vec![], text("mod one; mod two; pub use two::{Second as Other, third::Third};")),
        (vec!["one".to_owned()], text("use crate::Other; const QUOTE: char = '\"'; // \"")),
        (vec!["two".to_owned()], text("mod third; fn two() { crate::one::f(\"crate::x\") }")),
        (vec!["two".to_owned(), "third".to_owned()], Names::default()),
    ]);

    let found = Crate::new(modules).circles();

    let circle = BTreeSet::from(["one".to_owned(), "two".to_owned()]);
    assert_eq!(found, [(vec![], circle)]);
}

/// The circles of a crate, each with the folder that they are in.
fn circles(folder: &str) -> Vec<(String, BTreeSet<String>)> {
    let source = root().join(folder);
    let mut modules: BTreeMap<Module, Names> = BTreeMap::new();
    for file in sources(&source) {
        let text = std::fs::read_to_string(&file).unwrap();
        let program = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let read = Names::read(program);
        let module = modules.entry(module(file.strip_prefix(&source).unwrap())).or_default();
        module.imports.extend(read.imports);
        module.paths.extend(read.paths);
    }
    let found = Crate::new(modules).circles().into_iter();
    found
        .map(|(module, circle)| ([&[folder.to_owned()], &*module].concat().join("/"), circle))
        .collect()
}

fn module(file: &Path) -> Module {
    let mut module: Module = file
        .with_extension("")
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    let last = module.last().map(String::as_str);
    if last == Some("mod") || (module.len() == 1 && matches!(last, Some("lib" | "main"))) {
        module.pop();
    }
    module
}

impl Names {
    fn read(program: &str) -> Self {
        let tokens = tokens(program);
        let mut names = Self::default();
        let mut rest = tokens.as_slice();
        while let Some((first, after)) = rest.split_first() {
            if first == "use" {
                let end = after.iter().position(|token| token == ";").unwrap_or(after.len());
                names.import(&[], &after[..end]);
                rest = &after[end..];
            } else if matches!(first.as_str(), "crate" | "super" | "self") {
                let path = path(rest);
                rest = &rest[2 * path.len() - 1..];
                names.paths.push(path);
            } else {
                rest = after;
            }
        }
        names
    }

    /// Takes in what stands after `use`, or between braces of it.
    fn import(&mut self, before: &[String], tree: &[String]) {
        let mut depth = 0;
        let branches = tree.split(|token| {
            depth += i32::from(token == "{") - i32::from(token == "}");
            depth == 0 && token == ","
        });
        for branch in branches.filter(|branch| !branch.is_empty()) {
            let mut path = [before, &path(branch)].concat();
            if let Some(brace) = branch.iter().position(|token| token == "{") {
                self.import(&path, &branch[brace + 1..branch.len() - 1]);
                continue;
            }
            if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
                path.pop();
            }
            let renamed = branch.iter().rev().nth(1).is_some_and(|token| token == "as");
            let name = if renamed { branch.last() } else { path.last() };
            if let Some(name) = name.cloned() {
                self.imports.push((path, name));
            }
        }
    }
}

/// The path that tokens begin with.
fn path(tokens: &[String]) -> Module {
    let is_more = |pair: &&[String]| pair.len() == 2 && pair[1] == "::" && pair[0] != "{";
    let count = tokens.chunks(2).take_while(is_more).count();
    let last = tokens.get(2 * count).filter(|last| *last != "{");
    tokens.iter().step_by(2).take(count).chain(last).cloned().collect()
}

/// Words and signs of a program, without comments and quoted text.
fn tokens(program: &str) -> Vec<String> {
    let mut tokens = vec![];
    let mut rest = program;
    while let Some(first) = rest.chars().next() {
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(quoted) = quoted(rest) {
            quoted
        } else {
            let length = match first {
                letter if is_word(letter) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                ':' if rest.starts_with("::") => 2,
                other => other.len_utf8(),
            };
            if !first.is_whitespace() {
                tokens.push(rest[..length].to_owned());
            }
            length
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of a literal that a text begins with.
fn quoted(text: &str) -> Option<usize> {
    if let Some(raw) = text.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            return Some(hashes + 2 + raw[hashes + 1..].find(&end)? + end.len());
        }
    }
    let mark = text.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let mut is_escaped = false;
    let end = text[1..].find(|letter| {
        let is_end = letter == mark && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        is_end
    })?;
    // A lifetime has no second quote, or one that is far away.
    let is_letter = text[1..=end].chars().count() == 1 || text[1..].starts_with('\\');
    (mark == '"' || is_letter).then_some(end + 2)
}

impl Crate {
    fn new(modules: BTreeMap<Module, Names>) -> Self {
        let mut below: BTreeMap<Module, BTreeSet<String>> = BTreeMap::new();
        for module in modules.keys() {
            for (depth, name) in module.iter().enumerate() {
                below.entry(module[..depth].to_vec()).or_default().insert(name.clone());
            }
        }
        Self { modules, below }
    }

    fn has(&self, module: &[String], name: &str) -> bool {
        self.below.get(module).is_some_and(|below| below.contains(name))
    }

    /// The module that defines what a path means in a module; `None` where that is in another crate.
    fn definer(&self, module: &[String], path: &[String], depth: usize) -> Option<Module> {
        let mut at = module.to_vec();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => (at, rest) = (vec![], &path[1..]),
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|first| first == "super") {
                    at.pop();
                    rest = &rest[1..];
                }
            }
            name if self.has(module, name) => {}
            _ => return None,
        }
        while let Some((name, after)) = rest.split_first() {
            if !self.has(&at, name) {
                let import = self.modules.get(&at).and_then(|names| {
                    names.imports.iter().find(|(_, own)| own == name).map(|(path, _)| path)
                });
                let found = import
                    .filter(|_| depth < 8)
                    .and_then(|path| self.definer(&at, path, depth + 1));
                return Some(found.unwrap_or(at));
            }
            at.push(name.clone());
            rest = after;
        }
        Some(at)
    }

    /// Of each module, what stands beside it and it is built on.
    fn arrows(&self) -> BTreeMap<Module, BTreeMap<String, BTreeSet<String>>> {
        let mut arrows: BTreeMap<Module, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for (module, names) in &self.modules {
            let paths = names.imports.iter().map(|(path, _)| path).chain(&names.paths);
            for definer in paths.filter_map(|path| self.definer(module, path, 0)) {
                let shared =
                    module.iter().zip(&definer).take_while(|(one, other)| one == other).count();
                if let (Some(one), Some(other)) = (module.get(shared), definer.get(shared)) {
                    let beside = arrows.entry(module[..shared].to_vec()).or_default();
                    beside.entry(one.clone()).or_default().insert(other.clone());
                }
            }
        }
        arrows
    }

    fn circles(&self) -> Vec<(Module, BTreeSet<String>)> {
        let mut circles = vec![];
        for (folder, arrows) in self.arrows() {
            let mut seen = BTreeSet::new();
            for name in arrows.keys() {
                let reached = reached(&arrows, name);
                let circle: BTreeSet<_> = reached
                    .iter()
                    .filter(|other| self::reached(&arrows, other).contains(name))
                    .cloned()
                    .collect();
                if circle.len() > 1 && seen.insert(circle.clone()) {
                    circles.push((folder.clone(), circle));
                }
            }
        }
        circles
    }
}

fn reached(arrows: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(name) = next.pop() {
        for other in arrows.get(name).into_iter().flatten() {
            if reached.insert(other.clone()) {
                next.push(other);
            }
        }
    }
    reached
}
