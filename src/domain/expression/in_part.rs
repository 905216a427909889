//! A value that is there in part, and notices when an expression reads more of it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use minijinja::Value;
use minijinja::value::{Enumerator, Object, Serde};

use super::ExpressionError;

/// Why something that was read is not there, once something was.
#[derive(Clone, Debug, Default)]
pub(super) struct Read(Arc<OnceLock<String>>);

impl Read {
    /// # Errors
    /// More was read than is there, by the expressions of this text.
    pub(super) fn nothing_left_out(&self, source: &str) -> Result<(), ExpressionError> {
        let error = |why: &String| ExpressionError {
            source_text: source.to_owned(),
            message: why.clone(),
        };
        self.0.get().map_or(Ok(()), |why| Err(error(why)))
    }
}

/// The value. What the expression engine makes of it when it is read in whole does not matter: the
/// result is thrown away.
#[derive(Debug)]
pub(super) struct InPart {
    there: Value,
    why: String,
    read: Read,
}

impl InPart {
    pub(super) fn of(there: &serde_json::Value, why: &str, read: &Read) -> Value {
        Value::from_object(Self {
            there: Serde(there).into(),
            why: why.to_owned(),
            read: read.clone(),
        })
    }

    fn is_read(&self) {
        self.read.0.get_or_init(|| self.why.clone());
    }
}

impl Object for InPart {
    fn get_value(self: &Arc<Self>, name: &Value) -> Option<Value> {
        let value = self.there.get_item(name).ok();
        let value = value.filter(|value| !value.is_undefined());
        if value.is_none() {
            self.is_read();
        }
        value
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.is_read();
        Enumerator::NonEnumerable
    }

    fn render(self: &Arc<Self>, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.is_read();
        Ok(())
    }
}
