//! Do two other implementations of minisign's format agree with ours, in both directions, and is everything else refused?

mod common;

use std::io::Cursor;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::key;
use opus_store::minisign::{PublicKey, SecretKey, Signature};

const MESSAGE: &[u8] = b"opus publish 1\ncredit\n";

#[test]
fn others_check_what_we_sign() {
    let ours = SecretKey::generate().unwrap();
    let signature = ours.sign(MESSAGE, "opus publish credit");
    let key = minisign_verify::PublicKey::decode(&ours.public().to_file()).unwrap();
    let theirs = minisign_verify::Signature::decode(signature.text()).unwrap();
    key.verify(MESSAGE, &theirs, false).unwrap();
    assert!(key.verify(b"another", &theirs, false).is_err());
    let key =
        minisign::PublicKeyBox::from_string(&ours.public().to_file()).unwrap().into_public_key().unwrap();
    let theirs = minisign::SignatureBox::from_string(signature.text()).unwrap();
    assert_eq!(theirs.trusted_comment().unwrap(), "opus publish credit");
    minisign::verify(&key, &theirs, Cursor::new(MESSAGE), true, false, false).unwrap();
}

#[test]
fn others_sign_with_our_key_and_we_with_theirs() {
    let ours = SecretKey::generate().unwrap();
    let theirs =
        minisign::SecretKeyBox::from_string(&ours.to_file()).unwrap().into_unencrypted_secret_key().unwrap();
    let signature =
        minisign::sign(None, &theirs, Cursor::new(MESSAGE), Some("by another tool"), None).unwrap();
    let signature: Signature = signature.into_string().parse().unwrap();
    ours.public().verify(MESSAGE, &signature).unwrap();
    assert_eq!(signature.comment(), "by another tool");

    let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let ours: SecretKey = pair.sk.to_box(None).unwrap().into_string().parse().unwrap();
    assert_eq!(ours.public().to_string(), pair.pk.to_base64());
    let signature = ours.sign(MESSAGE, "");
    let theirs = minisign::SignatureBox::from_string(signature.text()).unwrap();
    minisign::verify(&pair.pk, &theirs, Cursor::new(MESSAGE), true, false, false).unwrap();
}

/// The example of minisign's own documents, of the algorithm that does not hash the message.
#[test]
fn a_signature_of_the_message_itself_is_accepted() {
    let key: PublicKey = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3".parse().unwrap();
    let signature: Signature = "untrusted comment: signature from minisign secret key\n\
        RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=\n\
        trusted comment: timestamp:1555779966\tfile:test\n\
        QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==\n"
        .parse()
        .unwrap();
    key.verify(b"test", &signature).unwrap();
    assert!(key.verify(b"Test", &signature).is_err());
}

#[test]
fn every_byte_of_a_signature_counts() {
    let ours = key(1);
    let text = ours.sign(MESSAGE, "a comment").text().to_owned();
    let lines: Vec<&str> = text.lines().collect();
    let check = |text: String| {
        text.parse().and_then(|signature: Signature| ours.public().verify(MESSAGE, &signature))
    };
    assert!(check(text.clone()).is_ok());
    for line in [1, 3] {
        let bytes = STANDARD.decode(lines[line]).unwrap();
        for bit in (0..bytes.len() * 8).step_by(5) {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            // the other algorithm signs something else
            assert!(
                check(text.replace(lines[line], &STANDARD.encode(changed))).is_err(),
                "line {line} bit {bit}"
            );
        }
    }
    assert!(check(text.replace("a comment", "A comment")).is_err());
    // the first comment is signed by nobody
    assert!(check(text.replace("untrusted comment: s", "untrusted comment: S")).is_ok());
    for other in
        [text.replace("untrusted", "trusted"), format!("{text}more\n"), text.replace('=', ""), String::new()]
    {
        assert!(other.parse::<Signature>().is_err(), "{other}");
    }
}

#[test]
fn keys_that_are_not_whole_are_refused_and_encrypted_ones_are_sent_to_minisign() {
    let ours = key(1);
    let text = ours.to_file();
    let line = text.lines().nth(1).unwrap();
    let bytes = STANDARD.decode(line).unwrap();
    let read = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut changed = bytes.clone();
        change(&mut changed);
        text.replace(line, &STANDARD.encode(changed)).parse::<SecretKey>().map_err(|error| error.to_string())
    };
    assert_eq!(read(&|_| ()).unwrap().public(), ours.public());
    // minisign itself leaves the checksum out
    assert!(read(&|bytes| bytes[126..].fill(0)).is_ok());
    for at in [54, 62, 94, 126] {
        assert!(read(&|bytes| bytes[at] ^= 1).is_err(), "byte {at}");
    }
    let encrypted = read(&|bytes| bytes[2..4].copy_from_slice(b"Sc")).err().unwrap();
    assert!(encrypted.contains("is encrypted") && encrypted.contains("minisign -S"), "{encrypted}");
    // the neutral element as a key: anybody could sign with it
    let mut weak = STANDARD.decode(ours.public().to_string()).unwrap();
    weak[10..].fill(0);
    weak[10] = 1;
    assert!(STANDARD.encode(weak).parse::<PublicKey>().is_err());
}

/// Whatever a file says, reading it ends with a value or an error.
#[test]
fn damaged_texts_are_read_or_refused() {
    let ours = key(1);
    let hash = opus_runtime::Hash::of(b"x");
    let trust = format!(
        "[[key]]\nholder = \"Ann\"\npublic = \"{}\"\nexpires = 2030-12-31\n[names]\n\"a.*\" = 1\n",
        ours.public()
    );
    let texts = [
        ours.to_file(),
        ours.public().to_file(),
        ours.sign(MESSAGE, "a comment").text().to_owned(),
        format!("opus publish 1\na\n{hash}\nnone\n"),
        format!("opus checkpoint 1\nsize 3\nroot {hash}\n"),
        trust,
        "2026-02-01T09:30:00.123456+01:00".to_owned(),
    ];
    let (mut random, mut read) = (20_260_201u64, 0);
    let mut below = |end: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % end
    };
    for _ in 0..5_000 {
        let mut bytes = texts[below(texts.len())].clone().into_bytes();
        for _ in 0..=below(3) {
            let at = below(bytes.len());
            match below(3) {
                0 => bytes[at] = b" \n\"=[]-:.0aZ\xC3"[below(13)],
                1 => bytes.truncate(at + 1),
                _ => bytes[at] ^= 1 << below(7),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let all = [
            text.parse::<SecretKey>().is_ok(),
            text.parse::<PublicKey>().is_ok(),
            text.parse::<Signature>().is_ok(),
            text.parse::<opus_store::Statement>().is_ok(),
            text.parse::<opus_store::Checkpoint>().is_ok(),
            opus_store::Trust::from_toml(&text).is_ok(),
            text.parse::<opus_store::Time>().is_ok(),
            text.parse::<opus_store::Name>().is_ok(),
        ];
        read += all.iter().filter(|is_read| **is_read).count();
    }
    assert!(read > 0);
}
