//! What is sent and received? Two protocols: Anthropic's Messages, and OpenAI's chat completions, which local servers speak
//! too.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Failure;
use crate::model::Request;

/// The name of a structured answer: of the tool that takes it, or of its schema.
const ANSWER: &str = "answer";

/// A protocol.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Protocol {
    /// Anthropic's Messages.
    #[serde(rename = "anthropic")]
    Messages,
    /// OpenAI's chat completions.
    #[serde(rename = "openai")]
    Chat,
}

/// Why a model stopped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// It had said all.
    End,
    /// It was cut off at the longest answer.
    CutOff,
    /// It refused.
    Refused,
    /// Something else, as the server said it.
    Other(String),
}

/// What a response says.
#[derive(Clone, PartialEq, Debug)]
pub struct Said {
    /// The answer: the text, or the JSON of a structured one.
    pub text: String,
    /// The model as the server named it.
    pub model: String,
    /// Tokens that went to the model.
    pub tokens_in: u64,
    /// Tokens that came from it.
    pub tokens_out: u64,
    /// Why it stopped.
    pub stop: Stop,
}

impl Protocol {
    /// The protocol with this name.
    ///
    /// # Errors
    /// Where there is none.
    pub fn parse(name: &str) -> Result<Protocol, Failure> {
        match name {
            "anthropic" => Ok(Protocol::Messages),
            "openai" => Ok(Protocol::Chat),
            _ => {
                Err(Failure::new(format!("unknown protocol `{name}`")).help("it is `anthropic` or `openai`"))
            }
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Messages => "anthropic",
            Protocol::Chat => "openai",
        }
    }

    /// Where the public server is.
    pub fn public_endpoint(self) -> &'static str {
        match self {
            Protocol::Messages => "https://api.anthropic.com",
            Protocol::Chat => "https://api.openai.com/v1",
        }
    }

    /// The variable of the environment in which its users keep their key.
    pub fn key_variable(self) -> &'static str {
        match self {
            Protocol::Messages => "ANTHROPIC_API_KEY",
            Protocol::Chat => "OPENAI_API_KEY",
        }
    }

    /// What comes after the endpoint in the address of a request.
    pub fn path(self) -> &'static str {
        match self {
            Protocol::Messages => "/v1/messages",
            Protocol::Chat => "/chat/completions",
        }
    }

    /// The headers of a request.
    pub fn headers(self, key: Option<&str>) -> Vec<(&'static str, String)> {
        let key = key.map(|key| match self {
            Protocol::Messages => ("x-api-key", key.to_owned()),
            Protocol::Chat => ("authorization", format!("Bearer {key}")),
        });
        let version = (self == Protocol::Messages).then(|| ("anthropic-version", "2023-06-01".to_owned()));
        [("content-type", "application/json".to_owned())].into_iter().chain(version).chain(key).collect()
    }

    /// The body of a request. The same request has the same bytes.
    pub fn body(self, model: &str, request: &Request) -> String {
        let Request { system, user, schema, tokens_max } = request;
        let user = json!({"role": "user", "content": user});
        let mut body = json!({"model": model, "max_tokens": tokens_max, "temperature": 0});
        match self {
            Protocol::Messages => {
                body["system"] = json!(system);
                body["messages"] = json!([user]);
                if let Some(schema) = schema {
                    let what = "Takes the answer.";
                    body["tools"] = json!([{"name": ANSWER, "description": what, "input_schema": schema}]);
                    body["tool_choice"] = json!({"type": "tool", "name": ANSWER});
                }
            }
            Protocol::Chat => {
                body["messages"] = json!([{"role": "system", "content": system}, user]);
                if let Some(schema) = schema {
                    let form = json!({"name": ANSWER, "strict": true, "schema": schema});
                    body["response_format"] = json!({"type": "json_schema", "json_schema": form});
                }
            }
        }
        body.to_string()
    }

    /// Reads a response.
    ///
    /// # Errors
    /// Where it is not one of this protocol.
    pub fn read(self, response: &str) -> Result<Said, String> {
        let response: Value = serde_json::from_str(response)
            .map_err(|error| format!("the server's response is not JSON: {error}"))?;
        let said = match self {
            Protocol::Messages => message(&response),
            Protocol::Chat => completion(&response),
        };
        said.ok_or_else(|| format!("the server's response is not one of the protocol `{}`", self.name()))
    }
}

fn message(response: &Value) -> Option<Said> {
    let blocks = response["content"].as_array()?;
    let tool =
        blocks.iter().find(|block| block["type"] == "tool_use").map(|block| block["input"].to_string());
    let text = || blocks.iter().filter_map(|block| block["text"].as_str()).collect();
    Some(Said {
        text: tool.unwrap_or_else(text),
        model: response["model"].as_str()?.to_owned(),
        tokens_in: response["usage"]["input_tokens"].as_u64().unwrap_or(0),
        tokens_out: response["usage"]["output_tokens"].as_u64().unwrap_or(0),
        stop: match response["stop_reason"].as_str()? {
            "end_turn" | "tool_use" | "stop_sequence" => Stop::End,
            "max_tokens" => Stop::CutOff,
            "refusal" => Stop::Refused,
            other => Stop::Other(other.to_owned()),
        },
    })
}

fn completion(response: &Value) -> Option<Said> {
    let choice = response["choices"].get(0)?;
    let message = choice["message"].as_object()?;
    let word = |name: &str| message.get(name).and_then(Value::as_str);
    let refusal = word("refusal");
    Some(Said {
        text: refusal.or_else(|| word("content")).unwrap_or_default().to_owned(),
        model: response["model"].as_str()?.to_owned(),
        tokens_in: response["usage"]["prompt_tokens"].as_u64().unwrap_or(0),
        tokens_out: response["usage"]["completion_tokens"].as_u64().unwrap_or(0),
        stop: match choice["finish_reason"].as_str().unwrap_or("stop") {
            _ if refusal.is_some() => Stop::Refused,
            "stop" | "tool_calls" => Stop::End,
            "length" => Stop::CutOff,
            "content_filter" => Stop::Refused,
            other => Stop::Other(other.to_owned()),
        },
    })
}
