//! What templates lead to, and what no value can smuggle into them.

use proptest::prelude::*;
use serde_json::json;

use super::super::url::canonicalise;
use super::*;

fn compile(template: &str, config: &Value) -> Result<EndpointPolicy, EndpointError> {
    EndpointPolicy::compile(&[template.to_owned()], config)
}

fn origins(template: &str, config: &Value) -> Vec<String> {
    compile(template, config).unwrap().endpoints().iter().map(|endpoint| endpoint.origin().to_string()).collect()
}

fn permits(template: &str, config: &Value, url: &str) -> bool {
    compile(template, config).unwrap().permits(&canonicalise(url).unwrap())
}

#[test]
fn a_template_is_filled_from_the_config() {
    let config = json!({"bucket": "My-Bucket", "region": "eu-west-1", "url": "https://Hooks.Example.com:8443/in?x=1",
        "brokers": ["b1.example.com:9093", "b2.example.com:9094"], "port": 8443, "host": "api.example.com",
        "auth": {"token_url": "https://login.example.com/oauth"}, "dotted": "a.b"});
    let case = |template: &str| origins(template, &config);

    assert_eq!(case("https://{bucket}.s3.{region}.amazonaws.com"), ["https://my-bucket.s3.eu-west-1.amazonaws.com"]);
    assert_eq!(case("https://{dotted}.s3.amazonaws.com/{bucket}"), ["https://a.b.s3.amazonaws.com"]);
    assert_eq!(case("{url}"), ["https://hooks.example.com:8443"]);
    assert_eq!(case("{auth.token_url}"), ["https://login.example.com"]);
    assert_eq!(case("https://{host}:{port}"), ["https://api.example.com:8443"]);
    assert_eq!(case("https://{host}"), ["https://api.example.com"]);
    assert_eq!(case("tls://{brokers[]}"), ["tls://b1.example.com:9093", "tls://b2.example.com:9094"]);
    assert_eq!(case("https://oauth2.googleapis.com"), ["https://oauth2.googleapis.com"]);
}

#[test]
fn a_template_whose_field_is_absent_is_left_out() {
    for config in [json!({}), json!({"endpoint": null}), json!({"endpoint": ""}), json!({"brokers": []})] {
        let templates = ["{endpoint}".to_owned(), "tls://{brokers[]}".to_owned(), "https://api.example.com".to_owned()];
        let policy = EndpointPolicy::compile(&templates, &config).unwrap();

        assert_eq!(policy.endpoints().len(), 1, "{config}");
    }
}

#[test]
fn scheme_host_and_port_must_all_match() {
    let config = json!({"url": "https://hooks.example.com/in"});

    assert!(permits("{url}", &config, "https://hooks.example.com/other?x"));
    assert!(permits("{url}", &config, "https://HOOKS.example.com.:443/"));
    assert!(!permits("{url}", &config, "http://hooks.example.com/in"));
    assert!(!permits("{url}", &config, "http://hooks.example.com:443/in"));
    assert!(!permits("{url}", &config, "https://hooks.example.com:8443/in"));
    assert!(!permits("{url}", &config, "https://sub.hooks.example.com/in"));
    assert!(!permits("{url}", &config, "https://example.com/in"));
    assert!(!permits("tls://{h}", &json!({"h": "hooks.example.com:443"}), "https://hooks.example.com/"));
}

#[test]
fn a_value_that_could_leave_its_place_is_refused() {
    for bucket in ["evil.com/", "a@b", "a:1", "a#b", "a?b", "a b", "a\\b", "a..b", ".a", "a.", "ä", "a%2e", "[::1]"] {
        let error = compile("https://{bucket}.s3.amazonaws.com", &json!({ "bucket": bucket })).unwrap_err();

        assert!(matches!(error, EndpointError::Value { .. }), "{bucket}: {error}");
    }
    for broker in ["a.example.com:9093/x", "u@a.example.com", "a.example.com:0", "a.example.com:99999", "a:b:c"] {
        let error = compile("tls://{brokers[]}", &json!({ "brokers": [broker] })).unwrap_err();

        assert!(matches!(error, EndpointError::Value { .. }), "{broker}: {error}");
    }
    assert!(matches!(compile("{url}", &json!({"url": "hooks.example.com"})), Err(EndpointError::Value { .. })));
    assert!(matches!(compile("{url}", &json!({"url": {"a": 1}})), Err(EndpointError::Value { .. })));
    assert!(matches!(
        compile("tls://{brokers[]}", &json!({"brokers": ["noport.example.com"]})),
        Err(EndpointError::Refused { .. })
    ));
}

#[test]
fn a_url_that_the_door_refuses_is_refused_with_the_doors_own_rule() {
    let error = compile("{url}", &json!({"url": "https://user:hunter2@example.com/"})).unwrap_err();

    let failure = freehold_model::outcome::Failure::from(&error);

    assert_eq!(failure.code, "egress-user-info");
    assert!(failure.message.contains("`url`"), "{}", failure.message);
    assert!(!failure.message.contains("hunter2"), "{}", failure.message);
}

#[test]
fn a_malformed_template_is_the_plugins_fault() {
    for template in ["https://{bucket", "https://bucket}", "https://{}.example.com", "https://{a b}", "nonsense", ""] {
        let error = compile(template, &json!({"bucket": "b"})).unwrap_err();

        assert!(matches!(error, EndpointError::Template { .. }), "{template}: {error}");
    }
}

#[test]
fn a_config_cannot_lead_to_any_number_of_endpoints() {
    let brokers: Vec<String> = (0..=ENDPOINTS_MAX).map(|n| format!("b{n}.example.com:9093")).collect();

    assert_eq!(compile("tls://{brokers[]}", &json!({ "brokers": brokers })), Err(EndpointError::TooMany));
}

proptest! {
    #[test]
    fn no_value_leads_away_from_the_templates_suffix(bucket in any::<String>(), ascii in "[ -~]{0,12}") {
        for value in [&bucket, &ascii] {
            let filled = compile("https://{bucket}.s3.amazonaws.com/x", &json!({ "bucket": value }));
            for endpoint in filled.iter().flat_map(|policy| policy.endpoints()) {
                prop_assert!(endpoint.host.ends_with(".s3.amazonaws.com"), "{:?}", endpoint);
                prop_assert_eq!((endpoint.scheme, endpoint.port), (Scheme::Https, 443));
            }
        }
    }
}
