//! Why a request is not answered: a status and a sentence, as JSON.

use hyper::StatusCode;
use nfdecode::filter::FilterError;
use serde_json::{Value, json};

/// Why a request is not answered.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    /// More about it, such as the place of a mistake.
    pub(crate) details: Option<Value>,
}

impl Problem {
    /// With this status.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            details: None,
        }
    }

    /// The request is wrong.
    pub(crate) fn wrong(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// Something failed here.
    pub(crate) fn failed(message: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message.to_string())
    }

    /// The filter is wrong.
    pub(crate) fn filter(error: &FilterError) -> Self {
        Self {
            details: Some(mistake(error)),
            ..Self::wrong(error.message())
        }
    }

    /// As JSON.
    pub(crate) fn json(&self) -> Value {
        let mut object = json!({ "error": self.message });
        if let (Some(object), Some(details)) = (object.as_object_mut(), &self.details) {
            object.insert("filter".to_owned(), details.clone());
        }
        object
    }
}

/// A mistake in a filter: message, place in bytes of the text, suggestion, and all of it as lines that show the place.
pub(crate) fn mistake(error: &FilterError) -> Value {
    json!({
        "valid": false,
        "message": error.message(),
        "suggestion": error.suggestion(),
        "start": error.span().map(|span| span.start),
        "end": error.span().map(|span| span.end),
        "shown": error.to_string(),
    })
}
