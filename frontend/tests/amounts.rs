//! May every amount be written with its symbol or its code, with either sign, wherever a policy names one?

use opus_frontend::format::format;
use opus_frontend::{Compiled, compile};

/// The amounts from -9 to 9 in the ways in which they may be written.
const WAYS: [fn(i32) -> String; 4] = [
    |amount| format!("{amount} EUR"),
    |amount| if amount < 0 { format!("- {} EUR", -amount) } else { format!("{amount} EUR") },
    |amount| if amount < 0 { format!("-€{}", -amount) } else { format!("€{amount}") },
    |amount| if amount < 0 { format!("- €{}", -amount) } else { format!("€{amount}") },
];

/// A policy that names amounts wherever that is possible, among them fields that are called like currencies.
fn policy(a: &dyn Fn(i32) -> String) -> String {
    format!(
        "policy amounts.everywhere {{
  currency EUR
  effective on day
  version 1 from 2024-01-01
  version 2 from 2025-01-01
  input {{
    day : date in 2024-01-01..2025-12-31
    x : money in {m9}..{m5}
    y : money in {m5}..{p9}
    z : money in {{{m5}, {p5}}}
    n : int in 0..5 EUR : money in {m9}..{p9}
  }}
  output {{ o : money in {m9}..{p9} default {m7}  q : money in {m9}..{p9} default {p7} }}
  param p : money in {m9}..{m5} = {m7}
  param r : money in {m9}..{p9} {{ from 2024-01-01 = {m7}  from 2025-01-01 = {p7} }}
  param s : money in {{{m5}, {p5}}} = {p5}
  param t : money in {p5}..{p9} cite \"§ 1\" = {p7}
  table k(x) first -> money in {m9}..{p9} {{
    | {m9}..<{m7} => {m7} ;
    | above {m7} to {m5} => {p7} ;
    | any => {m5} ;
  }}
  table l(y) unique -> money in {m9}..{p9} {{ | < {p5} => {m7} ; | {p5} => {p7} ; | above {p5} to {p9} => {p9} ; }}
  require Q1 : z >= {m5}
  rules first {{
    rule R1 when x in {m9}..{m7} and y > {p5} => o = p, q = r
    rule R2 when x in {{{m7}, {m5}}} => o = {m7}, q = {p7}
    rule R3 when EUR > {p5} => s, t
    rule R4 when n < 5 => q = k
    otherwise R5 => l, {m5}
  }}
  case c {{ day = 2025-03-01  x = {m9}  y = {p9}  z = {m5}  n = 5 EUR = {p7} }}
  test \"both\" {{ given c expect o = {m7}, q = {p7}, rule R1 }}
  test \"other\" {{ given c with {{ x = {m5}  y = {m5} }} expect o = {m7}, q = {p7}, rule R2 }}
}}
",
        m9 = a(-9),
        m7 = a(-7),
        m5 = a(-5),
        p5 = a(5),
        p7 = a(7),
        p9 = a(9)
    )
}

fn compiled(source: &str) -> Compiled {
    let (compiled, diagnostics) = compile(source);
    let said: Vec<String> =
        diagnostics.iter().map(|said| format!("{}: {}", said.code, said.message)).collect();
    compiled.unwrap_or_else(|| panic!("{said:#?}\n{source}"))
}

#[test]
fn all_ways_mean_the_same() {
    let programs = WAYS.map(|way| {
        let source = policy(&way);
        let once = format(&source).expect("it can be read");
        assert_eq!(format(&once).as_ref(), Ok(&once), "formatting ends");
        let program = |source: &str| {
            let versions = compiled(source).program.versions;
            versions.into_iter().map(|version| (version.admit, version.decide)).collect::<Vec<_>>()
        };
        assert_eq!(program(&source), program(&once), "formatting changes nothing");
        program(&source)
    });
    assert!(programs.iter().all(|program| *program == programs[0]));
}
