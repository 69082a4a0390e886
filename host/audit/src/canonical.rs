//! How is JSON written so that equal values have equal bytes? By RFC 8785, the JSON Canonicalization Scheme.

use serde_json::{Number, Value};

/// `value` in its one canonical form.
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Number(number) => text.push_str(&written(number)),
        Value::String(string) => write_string(string, text),
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        Value::Object(object) => {
            let mut members: Vec<(&String, &Value)> = object.iter().collect();
            // By UTF-16 code units, as the RFC wants: beyond the basic plane that is another order than by code points.
            members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            text.push('{');
            for (place, (name, member)) in members.into_iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write_string(name, text);
                text.push(':');
                write(member, text);
            }
            text.push('}');
        }
    }
}

fn write_string(string: &str, text: &mut String) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\u{c}' => text.push_str("\\f"),
            '\r' => text.push_str("\\r"),
            control if control < ' ' => text.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => text.push(other),
        }
    }
    text.push('"');
}

/// The largest integer below which every integer is a double of its own: 2^53 − 1.
const SAFE_MAX: u64 = (1 << 53) - 1;

/// Whether every reader of JSON sees `number` as it is.
pub(crate) fn is_exact(number: &Number) -> bool {
    match (number.as_u64(), number.as_i64()) {
        (Some(positive), _) => positive <= SAFE_MAX,
        (None, Some(negative)) => negative.unsigned_abs() <= SAFE_MAX,
        (None, None) => false,
    }
}

/// A number as ECMAScript writes it: all numbers are doubles.
fn written(number: &Number) -> String {
    if is_exact(number) {
        return number.to_string();
    }
    number.as_f64().map_or_else(|| number.to_string(), of_double)
}

/// ECMAScript's Number::toString: the fewest digits that read back as the same double, as an integer, a fraction or with
/// an exponent, depending on the size.
fn of_double(double: f64) -> String {
    if double == 0.0 {
        return "0".to_owned();
    }
    let sign = if double < 0.0 { "-" } else { "" };
    // Rust finds how few digits will do. Where two numbers of so many digits are equally near, ECMAScript takes the even
    // one, as Rust does when it is told the number of digits.
    let shortest = format!("{:e}", double.abs());
    let decimals = shortest.split('e').next().unwrap_or_default().len().saturating_sub(2);
    let rounded = format!("{:.decimals$e}", double.abs());
    let scientific = if rounded.parse() == Ok(double.abs()) { rounded } else { shortest };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits = mantissa.replace('.', "");
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    // The place of the point, counted from the first digit.
    let point = exponent + 1;
    let zeros = |number: i32| "0".repeat(usize::try_from(number).unwrap_or(0));
    let body = match point {
        _ if (count..=21).contains(&point) => format!("{digits}{}", zeros(point - count)),
        1..=21 => {
            let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
            format!("{whole}.{fraction}")
        }
        -5..=0 => format!("0.{}{digits}", zeros(-point)),
        _ => {
            let (first, rest) = digits.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            format!("{first}{dot}{rest}e{exponent:+}")
        }
    };
    format!("{sign}{body}")
}

/// `value` with every number that some reader of JSON would change written as a text.
pub(crate) fn exact(value: &Value) -> Value {
    match value {
        Value::Number(number) if !is_exact(number) => Value::String(number.to_string()),
        Value::Array(items) => Value::Array(items.iter().map(exact).collect()),
        Value::Object(object) => {
            Value::Object(object.iter().map(|(name, member)| (name.clone(), exact(member))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(given: &str, expected: &str) {
        let value: Value = serde_json::from_str(given).unwrap();

        assert_eq!(canonical(&value), expected);
    }

    /// The example of <https://www.rfc-editor.org/rfc/rfc8785#section-3.2.2>, and its result in section 3.2.3.
    #[test]
    fn the_example_of_the_rfc_has_the_bytes_of_the_rfc() {
        check(
            r#"{
                "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
                "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
                "literals": [null, true, false]
            }"#,
            r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#,
        );
    }

    /// <https://www.rfc-editor.org/rfc/rfc8785#section-3.2.3>: members are sorted by UTF-16 code units.
    #[test]
    fn members_are_sorted_as_the_rfc_sorts_them() {
        check(
            r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
                "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#,
            "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\
             \"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}",
        );
    }

    /// <https://www.rfc-editor.org/rfc/rfc8785#appendix-B>.
    #[test]
    fn numbers_are_written_as_the_rfc_lists_them() {
        for (bits, expected) in [
            (0x0000_0000_0000_0000_u64, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            assert_eq!(of_double(f64::from_bits(bits)), expected, "{bits:016x}");
        }
    }

    /// `structures` of <https://github.com/cyberphone/json-canonicalization/tree/master/testdata>.
    #[test]
    fn nested_members_are_sorted_too() {
        check(
            r#"{"1": {"f": {"f": "hi","F": 5} ,"\n": 56.0}, "10": { }, "": "empty", "a": { }, "111": [ {} ], "A": { }}"#,
            r#"{"":"empty","1":{"\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{}],"A":{},"a":{}}"#,
        );
    }

    #[test]
    fn numbers_that_readers_would_change_become_texts() {
        let value = json!({ "safe": SAFE_MAX, "below": -7, "large": SAFE_MAX + 1, "part": [0.5] });

        let exact = exact(&value);

        assert_eq!(exact, json!({ "safe": SAFE_MAX, "below": -7, "large": "9007199254740992", "part": ["0.5"] }));
    }
}
