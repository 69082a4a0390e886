//! Lays the sources of settings over each other, and refuses names that mean nothing.

use std::path::{Path, PathBuf};

use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::database::without_password;
use super::environment::{CONFIG, Environment, KEK, TRANSIT_SECRET_ID, TRANSIT_TOKEN};
use super::{Config, Effective, default_file, known};
use crate::cli::ServeArgs;
use crate::failure::Failure;

/// One setting from one place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setting {
    path: String,
    value: Value,
    origin: String,
}

impl Provider for Setting {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let nested = figment::util::nest(&self.path, self.value.clone());
        Ok(Profile::Default.collect(nested.into_dict().unwrap_or_default()))
    }
}

/// The settings that the flags give.
pub(super) fn of_flags(args: &ServeArgs) -> Result<Vec<Setting>, Failure> {
    let mut settings = Vec::new();
    let mut add = |path: &str, flag: &str, value: Option<Value>| {
        settings.extend(value.map(|value| Setting { path: path.to_owned(), value, origin: format!("flag {flag}") }));
    };
    add("data", "--data", args.place.data.as_ref().map(|path| path.to_string_lossy().into_owned().into()));
    let database = args.place.database.as_deref().map(without_password).transpose()?;
    add("database", "--database", database.map(Value::from));
    add("listen", "--listen", args.listen.map(|address| address.to_string().into()));
    let plugins: Vec<Value> = args.plugins.iter().map(|path| path.to_string_lossy().into_owned().into()).collect();
    add("plugins", "--plugins", (!plugins.is_empty()).then(|| plugins.into()));
    add("kek_file", "--kek-file", args.kek_file.as_ref().map(|path| path.to_string_lossy().into_owned().into()));
    let allow: Vec<Value> = args.egress_allow.iter().map(|network| network.clone().into()).collect();
    add("egress.allow", "--egress-allow", (!allow.is_empty()).then(|| allow.into()));
    add("trust.allow_unsigned", "--dev", args.dev.then(|| Value::from(true)));
    add("log", "--log", args.log.clone().map(Value::from));
    add("log_format", "--log-format", args.log_format.map(Value::serialize).transpose().map_err(|e| unreadable(&e))?);
    for pair in &args.set {
        let (path, text) = pair
            .split_once('=')
            .ok_or_else(|| Failure::new(format!("--set {pair}: write KEY=VALUE, such as limits.cpu_ms=5000")))?;
        let defaults = defaults()?;
        let default = find(&defaults, path).ok_or_else(|| unknown("--set", path, &defaults))?;
        let origin = format!("flag --set {path}");
        settings.push(Setting { path: path.to_owned(), value: read_like(default, text), origin });
    }
    Ok(settings)
}

/// Lays everything over each other and reads the result.
pub(super) fn load(file: Option<&Path>, flags: &[Setting], environment: Environment) -> Result<Effective, Failure> {
    let defaults = defaults()?;
    let mut layers = Figment::from(Serialized::defaults(Config::default()));
    if let Some(file) = settings_file(file, environment.config.as_deref())? {
        layers = layers.merge(of_file(&file, &defaults)?);
    }
    for (name, text) in &environment.settings {
        layers = layers.merge(of_variable(name, text, &defaults)?);
    }
    for setting in flags {
        layers = layers.merge(setting.clone());
    }
    let config: Config = layers.extract().map_err(|error| unreadable(&error))?;
    config.check()?;
    Ok(Effective { config, kek: environment.kek, service_secrets: environment.service_secrets, layers })
}

fn defaults() -> Result<Dict, Failure> {
    let value = Value::serialize(Config::default()).map_err(|error| unreadable(&error))?;
    Ok(value.into_dict().unwrap_or_default())
}

fn unreadable(error: &figment::Error) -> Failure {
    let reasons: Vec<String> = error.clone().into_iter().map(|reason| reason.to_string()).collect();
    Failure::new(format!("the settings do not fit: {}", reasons.join("; ")))
}

fn unknown(place: &str, name: &str, defaults: &Dict) -> Failure {
    let paths = known::paths(defaults);
    let hint = known::suggestion(name, paths.iter().map(String::as_str));
    Failure::new(format!("{place}: there is no setting `{name}`{hint}"))
}

/// The file to read: the one that was named, or the default one if it is there.
fn settings_file(named: Option<&Path>, variable: Option<&str>) -> Result<Option<PathBuf>, Failure> {
    let (path, by) = match (named, variable) {
        (Some(path), _) => (path.to_owned(), "--config"),
        (None, Some(path)) => (PathBuf::from(path), CONFIG),
        (None, None) => return Ok(default_file().is_file().then(|| default_file().to_owned())),
    };
    if path.is_file() {
        Ok(Some(path))
    } else {
        Err(Failure::new(format!("{}: there is no such settings file ({by})", path.display())))
    }
}

fn of_file(path: &Path, defaults: &Dict) -> Result<figment::providers::Data<Toml>, Failure> {
    let file = Toml::file_exact(path);
    let given = file.data().map_err(|error| unreadable(&error))?;
    let known = known::paths(defaults);
    for path_in_file in given.values().flat_map(known::paths) {
        if path_in_file == "kek" {
            return Err(Failure::new(format!(
                "{}: the key itself does not belong into the settings file; put it into a file of its own and name that with `kek_file`",
                path.display()
            )));
        }
        if !known.contains(&path_in_file) {
            return Err(unknown(&path.display().to_string(), &path_in_file, defaults));
        }
    }
    Ok(file)
}

fn of_variable(name: &str, text: &str, defaults: &Dict) -> Result<Setting, Failure> {
    let paths = known::paths(defaults);
    let Some(path) = paths.iter().find(|path| known::variable(path) == name) else {
        let mut names: Vec<String> = paths.iter().map(|path| known::variable(path)).collect();
        names.extend([KEK, CONFIG, TRANSIT_TOKEN, TRANSIT_SECRET_ID].map(str::to_owned));
        let hint = known::suggestion(name, names.iter().map(String::as_str));
        return Err(Failure::new(format!("the environment variable {name} means nothing to freehold{hint}")));
    };
    let value = find(defaults, path).map_or_else(|| Value::from(text), |default| read_like(default, text));
    Ok(Setting { path: path.clone(), value, origin: format!("environment variable {name}") })
}

/// The default of the setting at `path`, if there is such a setting.
fn find<'a>(settings: &'a Dict, path: &str) -> Option<&'a Value> {
    let (head, rest) = path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest)));
    match (settings.get(head)?, rest) {
        (Value::Dict(_, inner), Some(rest)) => find(inner, rest),
        (Value::Dict(..), None) | (_, Some(_)) => None,
        (leaf, None) => Some(leaf),
    }
}

/// Reads `text` as a value of the same kind as `default`. What does not fit stays a text, for the error to name.
fn read_like(default: &Value, text: &str) -> Value {
    match default {
        Value::Num(..) => text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from),
        Value::Bool(..) => text.parse::<bool>().map_or_else(|_| Value::from(text), Value::from),
        Value::Array(..) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::from(items.map(Value::from).collect::<Vec<_>>())
        }
        _ => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::cli::WhereArgs;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        let settings: BTreeMap<_, _> = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Environment { settings, ..Environment::default() }
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    fn refusal(text: &str, pairs: &[(&str, &str)]) -> String {
        let file = file(text);
        load(Some(file.path()), &[], environment(pairs)).unwrap_err().to_string()
    }

    #[test]
    fn the_later_source_wins() {
        let file = file("log = \"warn\"\nlisten = \"127.0.0.1:1\"\n[limits]\ncpu_ms = 7\n");
        let flags = ServeArgs { listen: Some(([127, 0, 0, 1], 3).into()), ..ServeArgs::default() };
        let variables = environment(&[("FREEHOLD_LISTEN", "127.0.0.1:2"), ("FREEHOLD_LOG", "debug")]);

        let effective = load(Some(file.path()), &of_flags(&flags).unwrap(), variables).unwrap();

        assert_eq!(effective.config.listen.port(), 3);
        assert_eq!(effective.config.log, "debug");
        assert_eq!(effective.config.limits.cpu_ms, 7);
        assert_eq!(effective.config.limits.call_ms, Config::default().limits.call_ms);
        let shown = effective.show();
        assert!(shown.contains("flag --listen"), "{shown}");
        assert!(shown.contains("environment variable FREEHOLD_LOG"), "{shown}");
        assert!(shown.contains(&file.path().display().to_string()), "{shown}");
    }

    #[test]
    fn lists_are_written_with_commas_in_the_environment() {
        let variables =
            environment(&[("FREEHOLD_PLUGINS", "/a, /b"), ("FREEHOLD_EGRESS_ALLOW", "127.0.0.0/8:9000,10.0.0.0/8")]);

        let config = load(None, &[], variables).unwrap().config;

        assert_eq!(config.plugins, [PathBuf::from("/a"), PathBuf::from("/b")]);
        assert_eq!(config.egress.allow.len(), 2);
    }

    #[test]
    fn any_setting_can_be_set_by_flag() {
        let flags = ServeArgs { set: vec!["limits.cpu_ms=9".into()], ..ServeArgs::default() };

        let config = load(None, &of_flags(&flags).unwrap(), Environment::default()).unwrap().config;

        assert_eq!(config.limits.cpu_ms, 9);
    }

    #[test]
    fn unknown_names_are_refused_with_the_nearest_known_one() {
        for (text, pairs, expected) in [
            ("lisen = \"x\"", &[][..], "did you mean `listen`?"),
            ("[limits]\ncpu = 1", &[], "did you mean `limits.cpu_ms`?"),
            ("[limit]\ncpu_ms = 1", &[], "did you mean `limits.cpu_ms`?"),
            ("kek = \"fhkek1_x\"", &[], "`kek_file`"),
            ("", &[("FREEHOLD_LISTN", "x")], "did you mean `FREEHOLD_LISTEN`?"),
        ] {
            let refusal = refusal(text, pairs);

            assert!(refusal.contains(expected), "{refusal}");
        }
        let flags = ServeArgs { set: vec!["limits.cpums=9".into()], ..ServeArgs::default() };
        assert!(of_flags(&flags).unwrap_err().to_string().contains("`limits.cpu_ms`"));
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_refused_by_name_and_place() {
        let refusal = refusal("", &[("FREEHOLD_LIMITS_CPU_MS", "soon")]);

        assert!(refusal.contains("limits.cpu_ms") && refusal.contains("FREEHOLD_LIMITS_CPU_MS"), "{refusal}");
    }

    #[test]
    fn a_lease_that_ends_before_its_attempt_is_refused() {
        let refusal = refusal("[delivery]\nlease_ms = 1000\n", &[]);

        assert!(refusal.contains("`delivery.lease_ms`"), "{refusal}");
    }

    #[test]
    fn a_named_file_that_is_not_there_is_refused() {
        let place = WhereArgs { config: Some("/nowhere/freehold.toml".into()), data: None, database: None };

        let refusal = load(place.config.as_deref(), &[], Environment::default()).unwrap_err().to_string();

        assert!(refusal.contains("/nowhere/freehold.toml"), "{refusal}");
    }

    #[test]
    fn every_setting_is_in_the_operators_table() {
        let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operating.md"));

        for path in known::paths(&defaults().unwrap()) {
            let name = path.rsplit('.').next().unwrap_or(&path);
            assert!(page.contains(&format!("`{name}`")), "docs/operating.md does not explain `{path}`");
        }
    }

    #[test]
    fn what_is_shown_can_be_read_back() {
        let shown = load(None, &[], Environment::default()).unwrap().show();
        let file = file(&shown);

        let again = load(Some(file.path()), &[], Environment::default()).unwrap();

        assert_eq!(format!("{:?}", again.config), format!("{:?}", Config::default()));
    }
}
