//! Policies with one mistake each, as an analyst makes them.

#![allow(dead_code)] // each test uses a part of it

pub const RIGHT: &str = include_str!("right.opus");

/// A part of the policy, what is typed instead, and what the fix makes of it.
pub const MENDED: &[(&str, &str, &str)] = &[
    // rules of other languages
    (
        R5,
        "else if vehicle == motorbike => decision = refer",
        "rule R5 when vehicle == motorbike => decision = refer",
    ),
    (
        R5,
        "if vehicle == motorbike => decision = refer",
        "rule R5 when vehicle == motorbike => decision = refer",
    ),
    (
        R5,
        "elif vehicle == motorbike => decision = refer",
        "rule R5 when vehicle == motorbike => decision = refer",
    ),
    (
        R5,
        "when vehicle == motorbike then decision = refer",
        "rule R5 when vehicle == motorbike => decision = refer",
    ),
    (
        R5,
        "IF vehicle == motorbike THEN decision = refer",
        "rule R5 when vehicle == motorbike => decision = refer",
    ),
    (
        R5,
        "if (vehicle == motorbike) { decision = refer }",
        "rule R5 when (vehicle == motorbike) => decision = refer",
    ),
    (
        R5,
        "if vehicle == motorbike: decision = refer",
        "rule R5 when vehicle == motorbike => decision = refer",
    ),
    (R5, "vehicle == motorbike => decision = refer", "rule R5 when vehicle == motorbike => decision = refer"),
    (
        R5,
        "rule R5 if vehicle == motorbike => decision = refer",
        "rule R5 when vehicle == motorbike => decision = refer",
    ),
    (
        R5,
        "rule R5 vehicle == motorbike => decision = refer",
        "rule R5 when vehicle == motorbike => decision = refer",
    ),
    (
        R5,
        "rule R5 when vehicle == motorbike -> decision = refer",
        "rule R5 when vehicle == motorbike => decision = refer",
    ),
    (
        R5,
        "rule R5: if vehicle == motorbike => decision = refer",
        "rule R5 when vehicle == motorbike => decision = refer",
    ),
    (
        R5,
        "rule R5 when vehicle == motorbike then decision = refer;",
        "rule R5 when vehicle == motorbike => decision = refer",
    ),
    (
        R5,
        "rule R5 when vehicle == motorbike \"Bikes\" => decision = refer",
        "rule R5 \"Bikes\" when vehicle == motorbike => decision = refer",
    ),
    (
        R5,
        "rule R5 when vehicle == motorbike cite \"P 6\" => decision = refer",
        "rule R5 cite \"P 6\" when vehicle == motorbike => decision = refer",
    ),
    (
        R5,
        "rule when vehicle == motorbike => decision = refer",
        "rule R5 when vehicle == motorbike => decision = refer",
    ),
    ("otherwise R6 \"Approved\" =>", "else =>", "otherwise R6 =>"),
    ("otherwise R6 \"Approved\" =>", "otherwise =>", "otherwise R6 =>"),
    // dates
    ("from 2025-07-01 cite", "from 01.07.2025 cite", "from 2025-07-01 cite"),
    ("from 2025-07-01 cite", "from 2025/07/01 cite", "from 2025-07-01 cite"),
    ("from 2025-07-01 cite", "from 1 July 2025 cite", "from 2025-07-01 cite"),
    ("from 2025-07-01 cite", "from July 1, 2025 cite", "from 2025-07-01 cite"),
    ("from 2025-07-01 cite", "from 2025-7-1 cite", "from 2025-07-01 cite"),
    ("from 2025-07-01 cite", "from \"2025-07-01\" cite", "from 2025-07-01 cite"),
    ("from 2025-07-01 cite", "from '2025-07-01' cite", "from 2025-07-01 cite"),
    ("from 2025-07-01 cite", "from 20250701 cite", "from 2025-07-01 cite"),
    ("2024-01-01..2035-12-31", "01.01.2024..31.12.2035", "2024-01-01..2035-12-31"),
    ("2024-01-01..2035-12-31", "1/1/2024..31/12/2035", "2024-01-01..2035-12-31"),
    ("ok on 2025-01-02 expect", "ok on 02.01.2025 expect", "ok on 2025-01-02 expect"),
    ("ok on 2025-01-02 expect", "ok on 2 Jan 2025 expect", "ok on 2025-01-02 expect"),
    // missing values
    (MISSING, "score == null =>", "score is missing =>"),
    (MISSING, "score = null =>", "score is missing =>"),
    (MISSING, "score == None =>", "score is missing =>"),
    (MISSING, "null == score =>", "score is missing =>"),
    (MISSING, "score is null =>", "score is missing =>"),
    (MISSING, "score IS NULL =>", "score is missing =>"),
    (MISSING, "score is empty =>", "score is missing =>"),
    (MISSING, "score is not present =>", "score is missing =>"),
    (MISSING, "score == missing =>", "score is missing =>"),
    (MISSING, "score == \"\" =>", "score is missing =>"),
    (MISSING, "ISBLANK(score) =>", "score is missing =>"),
    (MISSING, "isnull(score) =>", "score is missing =>"),
    // percentages and numbers
    ("40% of income", "40% income", "40% of income"),
    ("40% of income", "40%income", "40% of income"),
    ("40% of income", "40 % of income", "40% of income"),
    ("40% of income", "40 percent of income", "40% of income"),
    ("| 9.9%    |", "| 9.9    |", "| 9.9%    |"),
    ("| 9.9%    | 11.5% ", "| 9.9%    | 11.5 ", "| 9.9%    | 11.5% "),
    ("= 90%\n", "= 90\n", "= 90%\n"),
    ("= 20_000.00 EUR", "= 20,000.00 EUR", "= 20_000.00 EUR"),
    ("= 20_000.00 EUR", "= EUR 20_000.00", "= 20_000.00 EUR"),
    ("= 20_000.00 EUR", "= 20_000.00 euros", "= 20_000.00 EUR"),
    ("= 20_000.00 EUR", "= 20_000.00 eur", "= 20_000.00 EUR"),
    ("= 20_000.00 EUR", "= 20_000.00", "= €20_000.00"),
    ("= 20_000.00 EUR", "= 20_000.00 €", "= €20_000.00"),
    ("= 20_000.00 EUR", "= € 20_000.00", "= €20_000.00"),
    ("= 20_000.00 EUR", "= 20k EUR", "= 20_000 EUR"),
    ("score = 710", "score = 710%", "score = 710"),
    ("score = 710", "score = '710'", "score = 710"),
    // names
    ("param max_ltv", "param max-ltv", "param max_ltv"),
    ("param max_ltv", "param max ltv", "param max_ltv"),
    ("param max_ltv", "param max.ltv", "param max_ltv"),
    ("let amount =", "let `amount` =", "let amount ="),
    (
        "enum Vehicle { new, used, motorbike }",
        "enum Vehicle { new, used, motorbike; }",
        "enum Vehicle { new, used, motorbike }",
    ),
    ("ltv > max_ltv", "ltv > max_ltw", "ltv > max_ltv"),
    ("ltv > max_ltv", "ltv > Max_Ltv", "ltv > max_ltv"),
    // ranges and cells
    ("700..759 ", "700-759 ", "700..759 "),
    ("700..759 ", "700–759 ", "700..759 "),
    ("700..759 ", "700 to 759 ", "700..759 "),
    ("700..759 ", "[700..759] ", "700..759 "),
    ("700..759 ", "700…759 ", "700..759 "),
    ("700..759 ", "between 700 and 759 ", "700..759 "),
    ("700..759 ", ">= 700 and < 760 ", "700..<760 "),
    ("760..850 ", "760+ ", ">= 760 "),
    ("760..850 ", "760 and above ", ">= 760 "),
    ("760..850 ", "at least 760 ", ">= 760 "),
    ("above 60% to 80%", "(60%..80%]", "above 60% to 80%"),
    ("int in 300..850 optional", "int in 300-850 optional", "int in 300..850 optional"),
    ("int in 300..850 optional", "int in 300 to 850 optional", "int in 300..850 optional"),
    ("int in 300..850 optional", "int between 300 and 850 optional", "int in 300..850 optional"),
    ("int in 300..850 optional", "int in [300..850] optional", "int in 300..850 optional"),
    ("int in 300..850 optional", "int 300..850 optional", "int in 300..850 optional"),
    ("int in 300..850 optional", "int from 300 to 850 optional", "int in 300..850 optional"),
    ("in {12, 24, 36, 48, 60, 72}", "in [12, 24, 36, 48, 60, 72]", "in {12, 24, 36, 48, 60, 72}"),
    ("760..850 ", "760.. ", ">= 760 "),
    ("0%..60% |", "..60% |", "<= 60% |"),
    // conditions
    (BIKE, "vehicle = motorbike =>", "vehicle == motorbike =>"),
    (BIKE, "vehicle is motorbike =>", "vehicle == motorbike =>"),
    (BIKE, "vehicle equals motorbike =>", "vehicle == motorbike =>"),
    (BIKE, "vehicle is equal to motorbike =>", "vehicle == motorbike =>"),
    (BIKE, "vehicle == \"motorbike\" =>", "vehicle == motorbike =>"),
    (BIKE, "vehicle == 'motorbike' =>", "vehicle == motorbike =>"),
    (BIKE, "vehicle == “motorbike” =>", "vehicle == motorbike =>"),
    (BIKE, "vehicle == \"Motorbike\" =>", "vehicle == motorbike =>"),
    (BIKE, "vehicle == Vehicle::motorbike =>", "vehicle == Vehicle.motorbike =>"),
    (BIKE, "vehicle like \"moto%\" =>", "vehicle == motorbike =>"),
    (BIKE, "vehicle starts with \"moto\" =>", "vehicle == motorbike =>"),
    (BIKE, "vehicle in (motorbike, used) =>", "vehicle in {motorbike, used} =>"),
    (BIKE, "vehicle IN {motorbike, used} =>", "vehicle in {motorbike, used} =>"),
    (BIKE, "vehicle not in {new, used} =>", "not vehicle in {new, used} =>"),
    (BIKE, "vehicle is not new =>", "vehicle != new =>"),
    (BIKE, "vehicle <> new =>", "vehicle != new =>"),
    ("ltv > max_ltv =>", "ltv is greater than max_ltv =>", "ltv > max_ltv =>"),
    ("ltv > max_ltv =>", "ltv exceeds max_ltv =>", "ltv > max_ltv =>"),
    ("ltv > max_ltv =>", "ltv > max_ltv AND ltv > 10% =>", "ltv > max_ltv and ltv > 10% =>"),
    ("ltv > max_ltv =>", "ltv > max_ltv && ltv > 10% =>", "ltv > max_ltv and ltv > 10% =>"),
    (BIKE, "score > 650 and < 660 =>", "score > 650 and score < 660 =>"),
    (BIKE, "score between 650 and 660 =>", "score in 650..660 =>"),
    (BIKE, "650 < score < 660 =>", "650 < score and score < 660 =>"),
    (
        "ltv > max_ltv =>",
        "CASE WHEN ltv > 90% THEN true ELSE false END =>",
        "if ltv > 90% then true else false =>",
    ),
    ("ltv > max_ltv =>", "AND(ltv > 90%, ltv > max_ltv) =>", "(ltv > 90% and ltv > max_ltv) =>"),
    // values
    (
        "= price - deposit",
        "= IF(price > deposit, price - deposit, 0)",
        "= if price > deposit then price - deposit else €0",
    ),
    (
        "= price - deposit",
        "= price - deposit if price > deposit else 0 EUR",
        "= if price > deposit then price - deposit else 0 EUR",
    ),
    (
        "= price - deposit",
        "= if price > deposit { price - deposit } else { 0 EUR }",
        "= if price > deposit then price - deposit else 0 EUR",
    ),
    ("= price - deposit", "= MAX(price - deposit, 0 EUR)", "= max(price - deposit, 0 EUR)"),
    ("= price - deposit", "= ABS(price - deposit)", "= max(price - deposit, -(price - deposit))"),
    (
        "= price - deposit",
        "= price > deposit ? price - deposit : 0 EUR",
        "= if price > deposit then price - deposit else 0 EUR",
    ),
    ("base_rate, amount", "base_rate[score][ltv], amount", "base_rate, amount"),
    ("rounded half_up to", "rounded half up to", "rounded half_up to"),
    ("rounded half_up to 0.01%", "rounded half_up 0.01%", "rounded half_up to 0.01%"),
    ("base_rate, amount", "base_rate(score, ltv), amount", "base_rate, amount"),
    ("base_rate, amount\n", "base_rate, amount;\n", "base_rate, amount\n"),
    // texts
    ("\"LTV\" cite", "\"LTV cite", "\"LTV\" cite"),
    ("\"LTV\" cite", "'LTV' cite", "\"LTV\" cite"),
    ("\"LTV\" cite", "“LTV” cite", "\"LTV\" cite"),
    ("cite \"Policy 4.2\" when", "cite \"Policy 4.2 when", "cite \"Policy 4.2\" when"),
    ("test \"floor moved\" {", "test \"floor moved {", "test \"floor moved\" {"),
    // cases and tests
    ("score = 710 price =", "score = 710, price =", "score = 710 price ="),
    ("score = 710 price =", "score: 710 price =", "score = 710 price ="),
    (
        "with { score = 630 } on 2025-01-02",
        "with { score: 630 } on 2025-01-02",
        "with { score = 630 } on 2025-01-02",
    ),
    ("expect decision = approve }", "expect approve }", "expect decision = approve }"),
    ("expect decision = approve }", "expect decision == approve }", "expect decision = approve }"),
    ("decision = decline, rule R2 }", "decision = decline, R2 }", "decision = decline, rule R2 }"),
    // currencies
    ("= 20_000.00 EUR", "= $20_000.00", "= €20_000.00"),
    ("= 20_000.00 EUR", "= 20_000.00 USD", "= €20_000.00"),
    (
        "1_000.00 EUR..150_000.00 EUR\n    deposit",
        "$1_000..$150_000\n    deposit",
        "€1_000..€150_000\n    deposit",
    ),
    ("currency EUR", "currency \"EUR\"", "currency EUR"),
    ("currency EUR", "currency eur", "currency EUR"),
    ("currency EUR", "currency euro", "currency EUR"),
    (BIKE, "price > 1 500 EUR =>", "price > 1_500 EUR =>"),
    (BIKE, "price > EUR120_000 =>", "price > 120_000 EUR =>"),
    (BIKE, "price > 1,20,000.00 EUR =>", "price > 1_20_000.00 EUR =>"),
    // types
    (SCORE, "score        : integer in 300..850 optional", SCORE),
    (SCORE, "score        : Number in 300..850 optional", SCORE),
    ("rate     : percent in", "rate     : percentage in", "rate     : percent in"),
    (SCORE, "score        : optional int in 300..850", SCORE),
    (SCORE, "score        : int optional in 300..850", SCORE),
    (SCORE, "score        : nullable int in 300..850", SCORE),
    (SCORE, "score        : Optional<int> in 300..850", SCORE),
    (SCORE, "score        : int? in 300..850", SCORE),
    (SCORE, "score?        : int in 300..850", SCORE),
    (SCORE, "score        : int in 300..850 nullable", SCORE),
    (SCORE, "score        : int in 300..850 null", SCORE),
    (SCORE, "score        : int in 300..850 optional required", SCORE),
    (
        "money in 1_000.00 EUR..150_000.00 EUR",
        "money between 1_000.00 EUR and 150_000.00 EUR",
        "money in 1_000.00 EUR..150_000.00 EUR",
    ),
    // lists
    (TERMS, "{12 24 36 48 60 72}", TERMS),
    (TERMS, "(12, 24, 36, 48, 60, 72)", TERMS),
    (TERMS, "12, 24, 36, 48, 60, 72", TERMS),
    (ANSWERS, "enum Decision = { approve, refer, decline }", ANSWERS),
    (ANSWERS, "enum Decision { approve refer decline }", ANSWERS),
    (ANSWERS, "enum Decision ( approve, refer, decline )", ANSWERS),
    (ANSWERS, "enum Decision : approve, refer, decline", ANSWERS),
    (ANSWERS, "enum Decision = approve | refer | decline", ANSWERS),
    (ANSWERS, "enum Decision { approve = 1, refer = 2, decline = 3 }", ANSWERS),
    (ANSWERS, "enum Decision { \"approve\", \"refer\", \"decline\" }", ANSWERS),
    // blocks
    ("input {", "input = {", "input {"),
    ("input {", "input: {", "input {"),
    ("rules first {", "rules {", "rules first {"),
    ("rules first {", "rules: {", "rules first {"),
    ("rules first {", "rules first: {", "rules first {"),
    ("rules first {", "rules in order {", "rules first {"),
    // versions and parameters
    ("effective on applied_on", "effective applied_on", "effective on applied_on"),
    ("effective on applied_on", "effective from applied_on", "effective on applied_on"),
    ("version 1 from", "version 1: from", "version 1 from"),
    ("version 1 from", "version v1 from", "version 1 from"),
    ("version 1 from 2024-01-01", "version 1 2024-01-01", "version 1 from 2024-01-01"),
    ("version 1 from 2024-01-01", "version 1 = 2024-01-01", "version 1 from 2024-01-01"),
    ("from 2024-01-01 = 620", "from 2024-01-01 => 620", "from 2024-01-01 = 620"),
    ("from 2024-01-01 = 620", "2024-01-01 = 620", "from 2024-01-01 = 620"),
    ("from 2024-01-01 = 620", "from 2024-01-01 = 620;", "from 2024-01-01 = 620"),
    ("from 2024-01-01 = 620", "from 2024-01-01 = 620,", "from 2024-01-01 = 620"),
    (AMOUNT, "amount = price - deposit", AMOUNT),
    (AMOUNT, "var amount = price - deposit", AMOUNT),
    (AMOUNT, "const amount = price - deposit", AMOUNT),
    (AMOUNT, "let amount : money = price - deposit", AMOUNT),
    (Q1, "require deposit <= price", "require Q1 : deposit <= price"),
    (Q1, "require Q1 deposit <= price", "require Q1 : deposit <= price"),
    (Q1, "require Q1 when deposit <= price", "require Q1 : deposit <= price"),
    (Q1, "require Q1 \"the deposit\" deposit <= price", "require Q1 \"the deposit\" : deposit <= price"),
    (Q1, "assert deposit <= price", "require Q1 : deposit <= price"),
    // grids
    ("score \\ ltv |", "score / ltv |", "score \\ ltv |"),
    ("score \\ ltv |", "score, ltv |", "score \\ ltv |"),
    ("score \\ ltv |", "| score \\ ltv |", "score \\ ltv |"),
    ("grid base_rate :", "grid base_rate(score, ltv) :", "grid base_rate :"),
    ("grid base_rate :", "grid base_rate -> ", "grid base_rate : "),
    ("640..699    |", "640..699 =>", "640..699 |"),
    ("640..699    |", "| 640..699    |", "640..699    |"),
    ("13.9% ;", "13.9% | ;", "13.9% ;"),
    // outcomes
    (
        "when ltv > max_ltv => decision = decline\n",
        "when ltv > max_ltv => decision = decline,\n",
        "when ltv > max_ltv => decision = decline\n",
    ),
    ("approve, base_rate, amount\n", "approve base_rate, amount\n", "approve, base_rate, amount\n"),
    ("approve, base_rate, amount\n", "approve, base_rate amount\n", "approve, base_rate, amount\n"),
    (
        "approve, base_rate, amount\n",
        "decision = approve and rate = base_rate and loan = amount\n",
        "decision = approve, rate = base_rate, loan = amount\n",
    ),
    (BIKE, "vehicle == motorbike or used =>", "vehicle in {motorbike, used} =>"),
    (BIKE, "vehicle in motorbike =>", "vehicle == motorbike =>"),
    (BIKE, "(vehicle == motorbike =>", "(vehicle == motorbike) =>"),
    (BIKE, "vehicle == motorbike and term // 12 == 1 =>", "vehicle == motorbike and term div 12 == 1 =>"),
    // rules, cases and tests
    (
        R5,
        "R5 when vehicle == motorbike => decision = refer",
        "rule R5 when vehicle == motorbike => decision = refer",
    ),
    (
        R5,
        "Rule R5 When vehicle == motorbike => decision = refer",
        "rule R5 when vehicle == motorbike => decision = refer",
    ),
    (
        R5,
        "rule 5 when vehicle == motorbike => decision = refer",
        "rule R5 when vehicle == motorbike => decision = refer",
    ),
    (BIKE, "vehicle.motorbike =>", "vehicle == motorbike =>"),
    (BIKE, "score not < 650 =>", "score >= 650 =>"),
    (BIKE, "score < +650 =>", "score < 650 =>"),
    (BIKE, "(score < 650)) =>", "(score < 650) =>"),
    (BIKE, "score < \"score_floor\" + 10 =>", "score < score_floor + 10 =>"),
    (BIKE, "score < score_floor() + 10 =>", "score < score_floor + 10 =>"),
    ("case ok {", "case \"ok\" {", "case ok {"),
    ("case ok {", "case ok = {", "case ok {"),
    ("test \"priced\" {", "test priced {", "test \"priced\" {"),
    ("test \"priced\" {", "test \"priced\": {", "test \"priced\" {"),
    ("{ given ok on", "{ with ok on", "{ given ok on"),
    ("{ given ok on", "{ ok on", "{ given ok on"),
    ("{ given ok on", "{ given ok at", "{ given ok on"),
    ("{ given ok on", "{ given ok on date", "{ given ok on"),
    ("given ok with { score = 630 } on", "given ok, score = 630 on", "given ok with { score = 630 } on"),
    ("given ok with { score = 630 } on", "given ok { score = 630 } on", "given ok with { score = 630 } on"),
    ("given ok with { score = 630 } on", "given ok with score = 630 on", "given ok with { score = 630 } on"),
    (PRICED, "expect decision = approve and rate = 7.9% and rule R6 }", PRICED),
    (PRICED, "expect decision == approve, rate == 7.9%, rule == R6 }", PRICED),
    (PRICED, "expect decision is approve, rate = 7.9%, rule R6 }", PRICED),
    (PRICED, "expect { decision = approve, rate = 7.9%, rule R6 } }", PRICED),
    (PRICED, "expects decision = approve, rate = 7.9%, rule R6 }", PRICED),
    (PRICED, "=> decision = approve, rate = 7.9%, rule R6 }", PRICED),
    // comments
    ("-- Car loans", "// Car loans", "-- Car loans"),
    ("-- Car loans", "# Car loans", "-- Car loans"),
];

pub const R5: &str =
    "rule R5 \"Motorbikes are looked at\" cite \"Policy 6\" when vehicle == motorbike => decision = refer";
pub const SCORE: &str = "score        : int in 300..850 optional";
pub const TERMS: &str = "{12, 24, 36, 48, 60, 72}";
pub const ANSWERS: &str = "enum Decision { approve, refer, decline }";
pub const AMOUNT: &str = "let amount = price - deposit";
pub const Q1: &str = "require Q1 \"the deposit is not more than the price\" : deposit <= price";
pub const PRICED: &str = "expect decision = approve, rate = 7.9%, rule R6 }";
pub const MISSING: &str = "score is missing =>";
pub const BIKE: &str = "vehicle == motorbike =>";

/// A part of the policy, what is typed instead, and words of the help.
pub const HELPED: &[(&str, &str, &str)] = &[
    (
        "from 2025-07-01 cite",
        "from 01/07/2025 cite",
        "write `2025-07-01` for 1 July 2025, or `2025-01-07` for 7 January 2025",
    ),
    ("ok on 2025-01-02 expect", "ok on 02/01/2025 expect", "write `2025-01-02` for 2 January 2025"),
    (" rounded half_up to 0.01%", "", "`let ltv = … rounded half_up to 0.01%`"),
    ("rounded half_up to 0.01%", "rounded to 0.01%", "`rounded half_up to 0.01%`"),
    (
        "amount / price rounded half_up to 0.01%",
        "ROUND(amount / price, 2)",
        "`amount / price rounded half_up to 0.01%`",
    ),
    ("expect decision = approve, rate = 7.9%, rule R6 }", "expect reject }", "`decision = decline`"),
    (" vehicle = new }", " }", "`vehicle = new`"),
    ("ok on 2025-01-02 expect", "ok expect", "`on 2024-01-01`"),
    ("vehicle      : Vehicle\n", "vehicle      : Zone\n", "declare `enum Zone { … }`"),
    ("vehicle      : Vehicle\n", "vehicle      : string\n", "list the possible values in an `enum`"),
    ("vehicle      : Vehicle\n", "vehicle      : boolean\n", "write `bool`"),
    ("currency EUR", "currency €", "ISO 4217"),
    (BIKE, "vehicle == m =>", "its values are `new`, `used`, `motorbike`"),
    (BIKE, "applied_on in 2025 =>", "`in 2025-01-01..2025-12-31`"),
    (BIKE, "year(applied_on) == 2025 =>", "`d in 2025-01-01..2025-12-31`"),
    (MISSING, "vehicle == used =>", "`rule ID when score is missing => …`"),
];

/// Policies with one mistake each: the line of the first error, words of its message and its help, and whether it has a
/// fix after which the policy compiles.
pub const FILES: &[(&str, &str, usize, &str, &str, bool)] = &[
    ("v3", include_str!("v3.opus"), 31, "`otherwise`", "`any`", true),
    ("v4", include_str!("v4.opus"), 27, "`unique` allows one row", "`first`", true),
    ("v7", include_str!("v7.opus"), 40, "`base` is a table", "`base` alone", true),
    ("w1", include_str!("w1.opus"), 39, "is never before", "`whole_years(birth_date, start_date)`", true),
    (
        "w2",
        include_str!("w2.opus"),
        39,
        "a year is not always 365 days",
        "`whole_years(birth_date, start_date)`",
        true,
    ),
    ("w8", include_str!("w8.opus"), 51, "`,` does not belong here", "without `,`", true),
    ("w9", include_str!("w9.opus"), 52, "on which day", "`on 2025-01-01`", false),
    ("x3", include_str!("x3.opus"), 28, "found a percentage", "`25`", true),
    ("enum-with-hyphen", include_str!("enum-with-hyphen.opus"), 2, "`DE-BY` is not a name", "`DE_BY`", true),
    ("witness-of-let-key", include_str!("witness-of-let-key.opus"), 5, "when age = 24", "`first`", true),
];

/// Policies that compile and say something else than their author means: the line of the warning, and its help.
pub const WARNED: &[(&str, &str, usize, &str)] = &[
    ("percent-of-number", include_str!("percent-of-number.opus"), 6, "`43% of`"),
    ("age-in-days", include_str!("age-in-days.opus"), 5, "`whole_years(birth_date, applied_on)`"),
    ("age-by-365", include_str!("age-by-365.opus"), 5, "`whole_years(birth_date, applied_on)`"),
    ("output-called-row", include_str!("output-called-row.opus"), 3, "`row_number`"),
];

/// With `there` in place of `here`.
pub fn typed(here: &str, there: &str) -> String {
    assert!(RIGHT.contains(here), "`{here}` is not in the policy");
    RIGHT.replacen(here, there, 1)
}
