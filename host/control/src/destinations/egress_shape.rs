//! Does a config lead anywhere that could be reached at all? Judged by what is written there: nothing is resolved or dialled.

use freehold_sandbox::egress::{Door, EndpointError};
use serde_json::Value;

use crate::error::Problem;

/// What is wrong with the endpoints that `templates` lead to over `config`, as `door` judges them.
pub(super) fn problems(templates: &[String], config: &Value, door: &Door) -> Vec<Problem> {
    match door.accept(templates, config) {
        Ok(policy) if policy.endpoints().is_empty() => {
            vec![Problem::new("/config", "leads to no endpoint: nothing could be delivered")]
        }
        Ok(_) => Vec::new(),
        Err(EndpointError::Value { field, problem }) => vec![Problem::new(pointer(&field), problem)],
        Err(EndpointError::Refused { field, refusal }) => {
            vec![Problem::new(pointer(&field), format!("{refusal} (rule `{}`)", refusal.rule.slug()))]
        }
        Err(error) => vec![Problem::new("/config", error.to_string())],
    }
}

/// A template's placeholder, such as `brokers[]` or `server.host`, as a pointer into the config.
fn pointer(field: &str) -> String {
    let parts = field.trim_end_matches("[]").split('.');
    parts
        .fold("/config".to_owned(), |pointer, part| format!("{pointer}/{}", part.replace('~', "~0").replace('/', "~1")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use freehold_sandbox::egress::{EgressConfig, SystemResolver};
    use serde_json::json;

    use super::*;

    fn pointers(template: &str, config: Value) -> Vec<String> {
        let door = Door::new(EgressConfig::default(), Arc::new(SystemResolver::asking(&[])));
        let found = problems(&[template.to_owned()], &config, &door);
        found.into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn a_config_must_lead_somewhere() {
        assert_eq!(pointers("{url}", json!({"url": "https://hooks.example.com/in"})), Vec::<String>::new());
        assert_eq!(pointers("{url}", json!({})), ["/config"]);
        assert_eq!(pointers("{url}", json!({"url": "file:///etc/passwd"})), ["/config/url"]);
        assert_eq!(pointers("{url}", json!({"url": "https://10.0.0.5/"})), ["/config/url"]);
        assert_eq!(
            pointers("tls://{brokers[]}", json!({"brokers": ["a.example.com:9093", "[::1]:9093"]})),
            ["/config/brokers"]
        );
        assert_eq!(pointers("{url}", json!({"url": "https://user:pass@example.com/"})), ["/config/url"]);
        assert_eq!(pointers("https://{a.b}.example.com", json!({"a": {"b": "x/y"}})), ["/config/a/b"]);
        assert_eq!(pointers("tls://{brokers[]}", json!({"brokers": ["kafka.example.com"]})), ["/config/brokers"]);
    }
}
