//! What templates lead to, and what no value can smuggle into them.

use proptest::prelude::*;
use serde_json::json;

use super::super::url::canonicalise;
use super::*;

fn reaches(template: &str, config: &Value, address: &str) -> bool {
    let wanted = StreamAddress::parse(address, &EgressConfig::default()).unwrap();
    compile(template, config).unwrap().position_of(wanted.scheme, &wanted.host, wanted.port).is_some()
}

fn rule(template: &str, config: &Value) -> Option<Rule> {
    match compile(template, config).unwrap_err() {
        EndpointError::Refused { refusal, .. } => Some(refusal.rule),
        _ => None,
    }
}

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
fn a_byte_stream_has_one_of_three_schemes_and_a_port() {
    let config =
        json!({"host": "Mail.Example.com", "port": 5671, "brokers": ["b1.example.com:9092", "[2A00::1]:9092"]});

    assert_eq!(origins("starttls://{host}:{port}", &config), ["starttls://mail.example.com:5671"]);
    assert_eq!(origins("tcp://{brokers[]}", &config), ["tcp://b1.example.com:9092", "tcp://[2a00::1]:9092"]);
    assert!(reaches("tls://{host}:{port}", &config, "TLS://MAIL.example.com:5671"));
    assert!(!reaches("tls://{host}:{port}", &config, "tcp://mail.example.com:5671"));
    assert!(!reaches("tls://{host}:{port}", &config, "starttls://mail.example.com:5671"));
    assert!(!reaches("tls://{host}:{port}", &config, "tls://mail.example.com:5672"));
    for template in ["tls://{host}", "starttls://{host}", "tcp://{host}"] {
        assert_eq!(rule(template, &config), Some(Rule::PortMissing), "{template}");
    }
}

#[test]
fn no_config_makes_a_byte_stream_of_a_type_that_has_none() {
    for url in ["tls://b.example.com:9093", "tcp://b.example.com:9093", "starttls://b.example.com:9093"] {
        assert_eq!(rule("{url}", &json!({ "url": url })), Some(Rule::Scheme), "{url}");
    }
}

#[test]
fn a_pattern_stands_for_exactly_one_label() {
    let config = json!({"brokers": ["*.Kafka.example.com:9093"]});
    let reaches = |address: &str| reaches("tls://{brokers[]}", &config, address);

    assert_eq!(origins("tls://{brokers[]}", &config), ["tls://*.kafka.example.com:9093"]);
    assert!(reaches("tls://b-1.kafka.example.com:9093"));
    assert!(reaches("tls://B-2.KAFKA.example.com.:9093"));
    assert!(!reaches("tls://kafka.example.com:9093"), "no label");
    assert!(!reaches("tls://a.b.kafka.example.com:9093"), "two labels");
    assert!(!reaches("tls://b-1kafka.example.com:9093"), "not a label of its own");
    assert!(!reaches("tls://b-1.kafka.example.com.evil.example:9093"), "another domain");
    assert!(!reaches("tls://b-1.kafka.example.com:9094"), "another port");
    assert!(!reaches("tcp://b-1.kafka.example.com:9093"), "another scheme");
    assert!(StreamAddress::parse("tls://*.kafka.example.com:9093", &EgressConfig::default()).is_err(), "not a place");
}

#[test]
fn a_star_is_refused_wherever_it_would_stand_for_more() {
    let broker = |broker: &str| json!({ "brokers": [broker], "host": broker });
    for tight in ["*.com:9093", "*.example.:9093"] {
        assert!(compile("tls://{brokers[]}", &broker(tight)).is_err(), "{tight}");
    }
    assert_eq!(rule("tls://{brokers[]}", &broker("*.com:9093")), Some(Rule::Pattern));
    assert_eq!(rule("tls://{brokers[]}", &broker("*.example.com")), Some(Rule::PortMissing));
    assert_eq!(rule("tls://{brokers[]}", &broker("*.svc.cluster.local:9093")), Some(Rule::LocalName));
    assert_eq!(rule("tls://{brokers[]}", &broker("*.0.0.1:9093")), Some(Rule::HostName));
    for odd in
        ["*:9093", "*", "**.a.b:9093", "*a.b.c:9093", "a.*.b.c:9093", "*.*.b.c:9093", "*.a.b.*:9093", "*..a.b:9093"]
    {
        assert!(compile("tls://{brokers[]}", &broker(odd)).is_err(), "{odd}");
    }
    for template in
        ["https://{host}", "http://{host}", "https://{host}/x", "https://{host}.example.com", "tls://a.{host}"]
    {
        assert!(compile(template, &broker("*.a.b:9093")).is_err(), "{template}");
        assert!(compile(template, &broker("*.a.b")).is_err(), "{template}");
    }
    assert!(compile("https://*.example.com", &json!({})).is_err());
    assert!(compile("{url}", &json!({"url": "https://*.example.com/"})).is_err());
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
