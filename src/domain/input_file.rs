//! A file as an input: its name and its text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::digest::Digest;
use super::words::size;

/// No file is longer, in bytes.
pub const LONGEST: usize = 256 * 1024;

/// No name of one is longer, in characters.
const LONGEST_NAME: usize = 255;

/// A file as the value of an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputFile {
    /// What it is called.
    pub name: String,
    /// What is in it.
    pub text: String,
}

impl InputFile {
    /// A file of these bytes.
    ///
    /// # Errors
    /// It is too long, or no text.
    pub fn read(name: &str, bytes: Vec<u8>) -> Result<Self, String> {
        if bytes.len() > LONGEST {
            return Err(too_long(name));
        }
        let file = String::from_utf8(bytes).map(|text| Self {
            name: name.to_owned(),
            text,
        });
        let file = file.map_err(|_| format!("the file {name} is no text in UTF-8"))?;
        file.check()?;
        Ok(file)
    }

    /// The file that a value is, if it is one and can be an input.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_json(value: &Value) -> Result<Self, String> {
        let file: Result<Self, _> = serde_json::from_value(value.clone());
        let file = file.map_err(|_| {
            "a file is wanted, `{ \"name\": …, \"text\": … }`; on a terminal, @ and its path"
                .to_owned()
        })?;
        file.check()?;
        Ok(file)
    }

    /// As the value of an input.
    pub fn to_json(&self) -> Value {
        json!(self)
    }

    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let length = name.chars().count();
        if !(1..=LONGEST_NAME).contains(&length) || name.contains(char::is_control) {
            return Err(format!(
                "a file has a name of 1 to {LONGEST_NAME} characters that can be read"
            ));
        }
        if self.text.len() > LONGEST {
            return Err(too_long(name));
        }
        if self.text.contains('\0') {
            return Err(format!("the file {name} is no text: a NUL byte is in it"));
        }
        Ok(())
    }
}

/// Says that a file is too long to be an input.
pub fn too_long(name: &str) -> String {
    format!("the file {name} has more than {} KiB", LONGEST / 1024)
}

/// Where a value is a file, how people are told of it: `orders.csv (12 KiB)`.
pub fn told(value: &Value) -> Option<String> {
    let (name, text) = parts(value)?;
    let bytes = text.len();
    Some(if bytes < 1024 {
        format!("{name} ({bytes} bytes)")
    } else {
        format!("{name} ({})", size(bytes as u64))
    })
}

/// Inputs as the books keep them: of a file, which one it was.
pub fn for_the_books(inputs: &Value) -> Value {
    let Value::Object(inputs) = inputs else {
        return inputs.clone();
    };
    let kept = inputs.iter().map(|(input, value)| {
        let kept = parts(value).map(|(name, text)| {
            let digest = Digest::of_bytes(text.as_bytes());
            json!({ "name": name, "bytes": text.len(), "digest": digest })
        });
        (input.clone(), kept.unwrap_or_else(|| value.clone()))
    });
    Value::Object(kept.collect())
}

/// No other input is an object of these two texts.
fn parts(value: &Value) -> Option<(&str, &str)> {
    let fields = value.as_object().filter(|fields| fields.len() == 2)?;
    Some((fields.get("name")?.as_str()?, fields.get("text")?.as_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_text_of_a_bounded_length_under_a_name() {
        let file = InputFile::read("orders.csv", b"a,b\n1,2\n".to_vec()).unwrap();
        let value = json!({ "name": "orders.csv", "text": "a,b\n1,2\n" });
        assert_eq!(file.to_json(), value);
        assert_eq!(InputFile::of_json(&value), Ok(file));
        assert!(InputFile::read("full", vec![b'x'; LONGEST]).is_ok());
        let refused = [
            InputFile::read("long", vec![b'x'; LONGEST + 1]),
            InputFile::read("picture.png", vec![0x89, b'P', b'N', b'G', 0xff]),
            InputFile::read("nul", b"a\0b".to_vec()),
            InputFile::read("", b"a".to_vec()),
            InputFile::of_json(&json!({ "name": "two\nlines", "text": "a" })),
            InputFile::of_json(&json!({ "name": "long", "text": "x".repeat(LONGEST + 1) })),
            InputFile::of_json(&json!({ "name": "orders.csv" })),
            InputFile::of_json(&json!("orders.csv")),
        ]
        .map(Result::unwrap_err);
        insta::assert_snapshot!(refused.join("\n"), @r#"
        the file long has more than 256 KiB
        the file picture.png is no text in UTF-8
        the file nul is no text: a NUL byte is in it
        a file has a name of 1 to 255 characters that can be read
        a file has a name of 1 to 255 characters that can be read
        the file long has more than 256 KiB
        a file is wanted, `{ "name": …, "text": … }`; on a terminal, @ and its path
        a file is wanted, `{ "name": …, "text": … }`; on a terminal, @ and its path
        "#);
    }

    #[test]
    fn people_and_the_books_are_told_which_file_it_was() {
        let inputs = json!({
            "orders": { "name": "orders.csv", "text": "x".repeat(2000) },
            "note": "hello", "password": { "$secret": "inputs.password" },
        });
        assert_eq!(
            told(&inputs["orders"]).as_deref(),
            Some("orders.csv (2 KiB)")
        );
        assert_eq!(told(&inputs["note"]), None);
        let kept = for_the_books(&inputs);
        assert_eq!(kept["orders"]["bytes"], 2000);
        assert!(
            kept["orders"]["digest"]
                .as_str()
                .unwrap()
                .starts_with("sha256:")
        );
        assert_eq!(
            (&kept["note"], &kept["password"]),
            (&inputs["note"], &inputs["password"])
        );
    }
}
