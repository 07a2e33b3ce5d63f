#!/usr/bin/env bash
# A validator that allows algorithms of two types of key refuses every token.
#
# Software: the crate jsonwebtoken 11.1.0. Seen 2026-11-28.
# Needs: bash, Rust 1.88 or newer with cargo, crates.io; cargo keeps the crates in its own cache.
#
# `Validation::algorithms` looks like the list of what is accepted. A key is held against all of it: should one of them
# be for another type of key, a good token is refused, even if its own algorithm is listed and the key is right. An
# issuer with an RSA and an elliptic key, which many have while they change over, takes a `Validation` for each.
#
# Output seen:
#   [HS256]        -> good
#   [HS256, HS512] -> good
#   [HS256, ES256] -> InvalidAlgorithm
set -euo pipefail
export LC_ALL=C.UTF-8
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/finding"
cd "$work/finding"
export CARGO_TARGET_DIR="$work/target"

mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2024"

[dependencies]
jsonwebtoken = { version = "=11.1.0", default-features = false, features = ["rust_crypto"] }
serde_json = "1"
TOML
cat > src/main.rs <<'RUST'
use jsonwebtoken::Algorithm::{self, ES256, HS256, HS512};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde_json::{Value, json};

fn main() {
    let secret = b"thirty-two bytes of no secret at all";
    let claims = json!({"sub": "a", "exp": 4_000_000_000_u64});
    let token = encode(&Header::new(HS256), &claims, &EncodingKey::from_secret(secret)).unwrap();
    for algorithms in [vec![HS256], vec![HS256, HS512], vec![HS256, ES256]] {
        let mut validation = Validation::new(HS256);
        validation.algorithms = algorithms;
        let key = DecodingKey::from_secret(secret);
        let said = match decode::<Value>(&token, &key, &validation) {
            Ok(_) => "good".to_owned(),
            Err(error) => format!("{:?}", error.kind()),
        };
        println!("{:<14} -> {said}", name(&validation.algorithms));
    }
}

fn name(algorithms: &[Algorithm]) -> String {
    format!("{algorithms:?}")
}
RUST
cargo run --quiet | tee seen
diff - seen <<'SEEN'
[HS256]        -> good
[HS256, HS512] -> good
[HS256, ES256] -> InvalidAlgorithm
SEEN
