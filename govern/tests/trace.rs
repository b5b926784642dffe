//! Does a trace explain the outcome: rules, named values, table rows and the outcome's own terms?

use opus_frontend::{compile, reference};
use opus_govern::trace::{human, lines};

const POLICY: &str = "policy trace.small {
  enum Loan { auto, home }
  input { score : int in 300..850 optional   loan : Loan }
  output { share : percent in 0%..50%   score_used : int in 300..850 }
  let s = score or_else 300
  table floor(s) unique -> percent in 0%..50% {
    | 300..699 => 5%  cite \"T 1\" ;
    | 700..850 => 15% ;
  }
  grid cap : percent in 0%..50% {
    s \\ loan | auto | home ;
    < 700     | 10%  | 20%  ;
    >= 700    | 30%  | 40%  ;
  }
  rules first {
    rule A when loan == home => cap, s
    let twice = 2 * floor
    rule B when floor > 10%  => max(twice, cap), 850
    otherwise C              => floor, s
  }
}";

fn trace(given: [Option<i128>; 2]) -> String {
    let (compiled, diagnostics) = compile(POLICY);
    let policy = compiled.unwrap_or_else(|| panic!("{diagnostics:#?}")).policy;
    let admitted = reference::admit(&policy, &given).expect("the row is admitted");
    human(&lines(&policy, POLICY, &given, None, &reference::trace(&policy, &admitted)))
}

#[test]
fn every_value_that_the_outcome_needs_is_shown_once_and_before_its_use() {
    let wanted = "  \
  no    A           loan == home
                      loan = auto
  let   s           = 750, from score or_else 300
  row   floor       = 15%, in the row 700..850 => 15%
                      s = 750
  let   twice       = 30%, from 2 * floor
                      floor = 15%
  yes   B           floor > 10%
                      floor = 15%
  row   cap         = 30%, in the cell of these keys
                      s = 750, loan = auto
  =>    share       = 30%, from max(twice, cap)
                      twice = 30%, cap = 30%
  =>    score_used  = 850
";
    assert_eq!(trace([Some(750), Some(0)]), wanted);
}

#[test]
fn citations_and_missing_values_are_shown() {
    let wanted = "  \
  no    A           loan == home
                      loan = auto
  let   s           = 300, from score or_else 300
  row   floor       = 5%, in the row 300..699 => 5% cite \"T 1\"
                      s = 300
  let   twice       = 10%, from 2 * floor
                      floor = 5%
  no    B           floor > 10%
                      floor = 5%
  yes   C           otherwise
  =>    share       = 5%, from floor
  =>    score_used  = 300, from s
";
    assert_eq!(trace([None, Some(0)]), wanted);
}

/// `or_else` is written in the condition; what it asks is whether there is a value.
#[test]
fn an_input_with_a_default_is_shown_once() {
    let source = "policy trace.defaults {
      input { score : int in 0..900 optional   member : bool optional   debt : int in 0..9 }
      output { points : int in 0..1_000 }
      rules first {
        rule A when member or_else false => score or_else 1
        rule B when (score or_else 0) > 700 and score or_else debt < 800 => (score or_else 0) + 5
        otherwise C => score or_else 2
      }
    }";
    let (compiled, diagnostics) = compile(source);
    let policy = compiled.unwrap_or_else(|| panic!("{diagnostics:#?}")).policy;
    let shown = |given: [Option<i128>; 3]| {
        let admitted = reference::admit(&policy, &given).expect("the row is admitted");
        human(&lines(&policy, source, &given, None, &reference::trace(&policy, &admitted)))
    };
    let wanted = "  \
  no    A       member or_else false
                  member = missing
  yes   B       (score or_else 0) > 700 and score or_else debt < 800
                  score = 750
  =>    points  = 755, from (score or_else 0) + 5
                  score = 750
";
    assert_eq!(shown([Some(750), None, Some(3)]), wanted);
    let wanted = "  \
  no    A       member or_else false
                  member = false
  no    B       (score or_else 0) > 700 and score or_else debt < 800
                  score = missing
  yes   C       otherwise
  =>    points  = 2, from score or_else 2
";
    assert_eq!(shown([None, Some(0), Some(3)]), wanted);
}
