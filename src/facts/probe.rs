//! Custom probes: the value found in a command's output.

use super::{
    reading::{Reading, Why},
    scan::{failed, float, garbled},
    text::CleanText,
};
use crate::fleet::ProbeParser;
use serde::Serialize;
use serde_json::Value;

/// The newest result of one custom probe.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeReading {
    /// The probe's name.
    pub name: String,
    /// What was found.
    pub value: Reading<ProbeValue>,
}

/// The value of a probe.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ProbeValue {
    /// A number.
    Number(f64),
    /// A word.
    Word(CleanText),
}

/// Output of one probe, as the section brings it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeOutput<'a> {
    /// The probe's name.
    pub name: &'a str,
    /// Exit code of its command.
    pub exit: i32,
    /// What it printed.
    pub output: &'a [u8],
}

/// Cuts the section's content into the outputs of probes: `name exit_code length`, a newline, so many
/// bytes, a newline. A name may hold spaces.
pub fn split_probes(mut content: &[u8]) -> Result<Vec<ProbeOutput<'_>>, Why> {
    let mut outputs = Vec::new();
    while !content.is_empty() {
        let strange = |line: &[u8]| garbled(&String::from_utf8_lossy(line));
        let end = content.iter().position(|b| *b == b'\n').unwrap_or(content.len());
        let (line, rest) = (&content[..end], content.get(end + 1..).unwrap_or_default());
        let parts = std::str::from_utf8(line).ok().and_then(|line| {
            let (head, length) = line.rsplit_once(' ')?;
            let (name, exit) = head.rsplit_once(' ')?;
            Some((name, exit.parse().ok()?, length.parse::<usize>().ok()?))
        });
        let Some((name, exit, length)) = parts else {
            return Err(strange(line));
        };
        let output = rest.get(..length).ok_or_else(|| strange(line))?;
        outputs.push(ProbeOutput { name, exit, output });
        content = rest.get(length + 1..).unwrap_or_default();
    }
    Ok(outputs)
}

/// Finds a probe's value in its output.
pub fn find_value(parser: &ProbeParser, probe: &ProbeOutput<'_>) -> Result<ProbeValue, Why> {
    let text = String::from_utf8_lossy(probe.output);
    match probe.exit {
        0 => {}
        124 | 137 => return Err(Why::Hung(CleanText::from(format!("the probe {}", probe.name)))),
        code => return Err(failed(code, &text)),
    }
    match parser {
        ProbeParser::Regex(regex) => {
            let found = regex.captures(&text).ok_or_else(|| garbled(&text))?;
            let found = found.get(1).or_else(|| found.get(0)).map_or("", |found| found.as_str());
            Ok(value(found))
        }
        ProbeParser::JsonPointer(pointer) => {
            let json: Value = serde_json::from_str(&text).map_err(|_| garbled(&text))?;
            let missing = || Why::Garbled(CleanText::from(format!("nothing at {pointer}")));
            match json.pointer(pointer) {
                Some(Value::Number(number)) => number.as_f64().map(ProbeValue::Number).ok_or_else(missing),
                Some(Value::String(text)) => Ok(value(text)),
                Some(Value::Bool(flag)) => Ok(ProbeValue::Word(CleanText::new(if *flag { "true" } else { "false" }))),
                _ => Err(missing()),
            }
        }
    }
}

fn value(text: &str) -> ProbeValue {
    let text = text.trim();
    float(text).map_or_else(|| ProbeValue::Word(CleanText::new(text)), ProbeValue::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn regex(text: &str) -> ProbeParser {
        ProbeParser::Regex(regex::Regex::new(text).unwrap())
    }

    fn run(parser: &ProbeParser, exit: i32, output: &str) -> Result<ProbeValue, Why> {
        find_value(
            parser,
            &ProbeOutput {
                name: "p",
                exit,
                output: output.as_bytes(),
            },
        )
    }

    #[test]
    fn outputs_are_cut_by_length() {
        let outputs = split_probes(b"ups load 0 6\na\nb\n\xffc\nfans 3 0\n\n").unwrap();
        assert_eq!(
            outputs[0],
            ProbeOutput {
                name: "ups load",
                exit: 0,
                output: b"a\nb\n\xffc"
            }
        );
        assert_eq!(
            outputs[1],
            ProbeOutput {
                name: "fans",
                exit: 3,
                output: b""
            }
        );
        assert!(split_probes(b"ups 0 600\nshort").is_err());
        assert!(split_probes(b"nonsense").is_err());
        assert_eq!(split_probes(b"").unwrap(), []);
    }

    #[test]
    fn values_by_regex() {
        assert_eq!(
            run(&regex(r"load:\s*(\S+)%"), 0, "load: 42.5%\n"),
            Ok(ProbeValue::Number(42.5))
        );
        assert_eq!(
            run(&regex("OK|BAD"), 0, "state OK"),
            Ok(ProbeValue::Word(CleanText::new("OK")))
        );
        assert!(matches!(run(&regex("x(y)"), 0, "nothing"), Err(Why::Garbled(_))));
        assert!(
            matches!(run(&regex("(.*)"), 2, "42"), Err(Why::Failed(_))),
            "a failed command has no value"
        );
        assert!(matches!(run(&regex("(.*)"), 124, "42"), Err(Why::Hung(_))));
        assert_eq!(
            run(&regex("v=(.*)"), 0, "v=nan"),
            Ok(ProbeValue::Word(CleanText::new("nan")))
        );
    }

    #[test]
    fn values_by_pointer() {
        let at = |pointer: &str| ProbeParser::JsonPointer(pointer.to_owned());
        let json = r#"{"a":[{"b/c":7.5},"12","up",true,null,{}]}"#;
        assert_eq!(run(&at("/a/0/b~1c"), 0, json), Ok(ProbeValue::Number(7.5)));
        assert_eq!(run(&at("/a/1"), 0, json), Ok(ProbeValue::Number(12.0)));
        assert_eq!(run(&at("/a/2"), 0, json), Ok(ProbeValue::Word(CleanText::new("up"))));
        assert_eq!(run(&at("/a/3"), 0, json), Ok(ProbeValue::Word(CleanText::new("true"))));
        for nowhere in ["/a/4", "/a/5", "/a/9", "x"] {
            assert!(matches!(run(&at(nowhere), 0, json), Err(Why::Garbled(_))), "{nowhere}");
        }
        assert!(run(&at(""), 0, &json[..20]).is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(content in any::<Vec<u8>>(), parts in "(p 0 |[0-9]{1,21}|\n|x){0,20}") {
            for content in [&content[..], parts.as_bytes()] {
                for output in split_probes(content).unwrap_or_default() {
                    let _ = find_value(&regex("(.+)"), &output);
                    let _ = find_value(&ProbeParser::JsonPointer("/a".into()), &output);
                }
            }
        }
    }
}
