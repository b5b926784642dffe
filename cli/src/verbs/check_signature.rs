//! `opus check-signature`: what was signed, and by whom?

use opus_store::Statement;
use opus_store::minisign::{PublicKey, Signature};
use serde_json::json;

use crate::args::CheckSignature;
use crate::failure::Failure;
use crate::stored::{now, parsed, trust};
use crate::terminal::Terminal;

pub fn run(args: &CheckSignature, terminal: &Terminal) -> Result<(), Failure> {
    let statement: Statement = parsed(&args.statement)?;
    let signature: Signature = parsed(&args.signature)?;
    let key: Option<PublicKey> = args.key.as_ref().map(|path| parsed(path)).transpose()?;
    let trust = if key.is_some() { None } else { trust(terminal)? };
    let by = match (&key, &trust) {
        (Some(key), _) => {
            key.verify(statement.to_string().as_bytes(), &signature)?;
            None
        }
        (None, Some(trust)) => {
            let key = trust.signer(&statement, &signature)?;
            key.check_on(now()?.day())?;
            Some((key.holder.clone(), key.expires.to_string()))
        }
        (None, None) => {
            return Err(Failure::usage("the signature cannot be checked without a public key")
                .help("pass --key PUB, or --trust FILE with the keys of all who may sign"));
        }
    };
    let who = match &by {
        Some((holder, expires)) => format!("{holder}, with key {} (until {expires})", signature.key()),
        None => format!("key {}", signature.key()),
    };
    let human = format!("{statement}\nsigned by {who}");
    let json = json!({
        "name": statement.name.as_str(),
        "object": statement.object.to_string(),
        "replaces": statement.replaces.map(|hash| hash.to_string()),
        "key": signature.key().to_string(),
        "holder": by.as_ref().map(|(holder, _)| holder),
        "expires": by.as_ref().map(|(_, expires)| expires),
        "comment": signature.comment(),
    });
    terminal.report(&human, &json, false)
}
