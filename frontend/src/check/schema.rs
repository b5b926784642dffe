//! What are the types of inputs, outputs and parameters? Also the currency and the enums.

use opus_ir::date::{DAY_MAX, DAY_MIN};
use opus_ir::{
    Currency, Domain, EnumDef, EnumValue, Field, Interval, Kind, Schema, Shape, TABLE_ENTRIES_MAX, TableKey,
};

use crate::currency::{self, Known};
use crate::diagnostic::{Code, Diagnostic, nearest, one_of};
use crate::hir::{self, Constant, Ty, Unit};
use crate::text::ast::{self, DomainKind, Statement, TypeKind};

use super::findings::Findings;
use super::items::Items;
use super::names::{self, Names};
use super::params::{self, Amount};
use super::versions::{self, Period};

/// What a snapshot says if a key has no value any more.
const NONE: &str = "none";

/// What the policy declares for all its versions.
pub(super) struct Declared<'a> {
    pub tree: &'a ast::Policy,
    pub items: Items<'a>,
    pub currency: Option<Known>,
    pub enums: Vec<EnumInfo<'a>>,
    pub inputs: Vec<FieldInfo<'a>>,
    pub outputs: Vec<FieldInfo<'a>>,
    /// By the index of the parameter in the source.
    pub params: Vec<Option<TypeInfo>>,
    /// By the index of the parameter and that of the version.
    pub amounts: Vec<Vec<Amount>>,
    /// What comes from a snapshot: parameters and then sets, in the order of the source.
    pub holes: Vec<hir::Hole>,
    /// By the index of the table or grid in the source.
    pub tables: Vec<Option<TypeInfo>>,
    /// Every rule, in order.
    pub rules: Vec<&'a ast::Rule>,
    pub names: Names<'a>,
    /// The index of the input date that selects the version.
    pub effective: Option<u32>,
    /// The versions by their first day; never empty.
    pub versions: Vec<Period<'a>>,
}

/// An enum, its values without repetition.
pub(super) struct EnumInfo<'a> {
    pub decl: &'a ast::EnumDecl,
    pub values: Vec<&'a ast::EnumValueDecl>,
}

/// An input or output; `ty` is empty where the type could not be understood, which has been reported.
pub(super) struct FieldInfo<'a> {
    pub decl: &'a ast::Field,
    pub ty: Option<TypeInfo>,
    pub default: Option<Constant>,
}

/// A type of the source.
#[derive(Clone)]
pub(super) struct TypeInfo {
    pub kind: Kind,
    /// The values it is narrowed to; empty where the author does not say and the kind does not imply it.
    pub domain: Option<Domain>,
}

/// What the items declare for all versions.
pub(super) fn declare<'a>(tree: &'a ast::Policy, items: Items<'a>, findings: &mut Findings) -> Declared<'a> {
    let currency = items.currency.and_then(|decl| known_currency(decl, findings));
    if items.currency.is_none() {
        require_currency(tree, &items, findings);
    }
    let enums = items.enums.iter().map(|decl| enum_info(decl, findings)).collect();
    let rules = items.rules.iter().flat_map(|rules| &rules.statements);
    let rules = rules.filter_map(|statement| match statement {
        Statement::Rule(rule) => Some(rule),
        Statement::Let(_) => None,
    });
    let mut declared = Declared {
        tree,
        rules: rules.collect(),
        items,
        currency,
        enums,
        inputs: vec![],
        outputs: vec![],
        params: vec![],
        amounts: vec![],
        holes: vec![],
        tables: vec![],
        names: Names::default(),
        effective: None,
        versions: vec![],
    };
    declared.names = names::collect(&declared, findings);
    let inputs = declared.names.inputs.clone();
    declared.inputs = inputs.into_iter().map(|decl| declared.field(decl, "an input", findings)).collect();
    let outputs = declared.names.outputs.clone();
    declared.outputs = outputs.into_iter().map(|decl| declared.field(decl, "an output", findings)).collect();
    declared.params =
        declared.items.params.iter().map(|param| declared.read_type(&param.ty, findings)).collect();
    declared.holes = declared.read_holes(findings);
    declared.tables =
        declared.items.tables.iter().map(|item| declared.read_type(item.ty(), findings)).collect();
    declared.effective = versions::effective(&declared, findings);
    declared.versions = versions::periods(&declared, findings);
    declared.amounts =
        (0..declared.params.len()).map(|index| params::amounts(&declared, index, findings)).collect();
    declared
}

fn known_currency(decl: &ast::CurrencyDecl, findings: &mut Findings) -> Option<Known> {
    let code = decl.code.text.as_str();
    let known = currency::find(code);
    if known.is_none() {
        let message = format!("`{code}` is not a currency code");
        let diagnostic = Diagnostic::new(Code::UnknownCurrency, decl.code.span, message);
        findings.report(match currency::meant(code) {
            Some(meant) => {
                diagnostic.help(format!("write its ISO 4217 code: `{meant}`")).fix(decl.code.span, meant)
            }
            None => diagnostic.help("write an ISO 4217 code, such as `USD`"),
        });
    }
    known
}

fn enum_info<'a>(decl: &'a ast::EnumDecl, findings: &mut Findings) -> EnumInfo<'a> {
    let mut values: Vec<&ast::EnumValueDecl> = Vec::new();
    let mut seen = std::collections::BTreeMap::new();
    for value in &decl.values {
        match seen.get(value.name.text.as_str()) {
            Some(first) => findings.report(names::duplicate(&value.name, *first, "the value")),
            None => {
                seen.insert(value.name.text.as_str(), value.name.span);
                values.push(value);
            }
        }
    }
    EnumInfo { decl, values }
}

impl<'a> Declared<'a> {
    fn field(&self, decl: &'a ast::Field, noun: &str, findings: &mut Findings) -> FieldInfo<'a> {
        let ty = self.read_type(&decl.ty, findings);
        if let Some(TypeInfo { kind, domain: None }) = ty
            && decl.ty.domain.is_none()
        {
            findings.report(self.missing_range(&decl.name, &decl.ty, kind, noun));
        }
        let default = decl.default.and_then(|default| self.constant_in(default, ty.as_ref()?, findings));
        FieldInfo { decl, ty, default }
    }

    fn missing_range(&self, name: &ast::Name, ty: &ast::Type, kind: Kind, noun: &str) -> Diagnostic {
        let example = match kind {
            Kind::Money => format!("{}..{}", self.whole_amount(0), self.whole_amount(100_000)),
            Kind::Percent(_) => "0%..100%".into(),
            Kind::Days => "0 days..365 days".into(),
            _ => "0..1_000".into(),
        };
        let message = format!("{noun} needs a range: `{}`", name.text);
        Diagnostic::new(Code::MissingRange, ty.span, message)
            .help(format!("write it after the type, for example `in {example}`"))
    }

    fn whole_amount(&self, units: i128) -> String {
        self.amount(crate::hir::Number::whole(units))
    }

    /// A type of the source; `None` if it could not be understood, which has been reported.
    pub fn read_type(&self, ty: &ast::Type, findings: &mut Findings) -> Option<TypeInfo> {
        if self.tree.is_lost(ty.span) {
            return None;
        }
        let kind = self.kind(ty, findings)?;
        let domain = match &ty.domain {
            None => self.natural_domain(kind),
            Some(domain) => self.domain(domain, kind, findings),
        };
        Some(TypeInfo { kind, domain })
    }

    fn kind(&self, ty: &ast::Type, findings: &mut Findings) -> Option<Kind> {
        Some(match &ty.kind {
            TypeKind::Bool => Kind::Bool,
            TypeKind::Int => Kind::Int,
            TypeKind::Decimal(digits) => Kind::Decimal(*digits),
            TypeKind::Percent(digits) => Kind::Percent(*digits),
            TypeKind::Days => Kind::Days,
            TypeKind::Date => Kind::Date,
            TypeKind::Money => Kind::Money,
            TypeKind::Named(name) => {
                let Some(&index) = self.names.enums.get(name.text.as_str()) else {
                    findings.report(self.unknown_type(name));
                    return None;
                };
                findings.refer(self.enums[index as usize].decl.name.span);
                Kind::Enum(index)
            }
        })
    }

    fn unknown_type(&self, name: &ast::Name) -> Diagnostic {
        const BUILT_IN: [&str; 7] = ["bool", "int", "decimal", "money", "percent", "days", "date"];
        const FOREIGN: &[(&str, &str)] = &[
            ("boolean", "bool"),
            ("integer", "int"),
            ("number", "int"),
            ("long", "int"),
            ("float", "decimal(2)"),
            ("double", "decimal(2)"),
            ("numeric", "decimal(2)"),
            ("amount", "money"),
            ("percentage", "percent"),
            ("datetime", "date"),
            ("string", "enum"),
            ("text", "enum"),
            ("str", "enum"),
            ("varchar", "enum"),
            ("char", "enum"),
        ];
        let word = name.text.as_str();
        let diagnostic = Diagnostic::new(Code::UnknownType, name.span, format!("there is no type `{word}`"));
        let foreign = FOREIGN.iter().find(|(foreign, _)| word.eq_ignore_ascii_case(foreign));
        let known = BUILT_IN.into_iter().chain(self.names.enums.keys().copied());
        match (foreign, nearest(word, known)) {
            (Some((_, "enum")), _) => {
                diagnostic.help("there are no text values: list the possible values in an `enum`, and use its name as the type")
            }
            (Some((_, ours)), _) => diagnostic.help(format!("write `{ours}`")).fix(name.span, *ours),
            (None, Some(near)) => {
                let help = format!("did you mean `{near}`? Otherwise declare `enum {word} {{ … }}`");
                diagnostic.help(help).fix(name.span, near).unsure()
            }
            (None, None) => {
                let words = BUILT_IN.map(|word| format!("`{word}`"));
                diagnostic.help(format!("declare `enum {word} {{ … }}`, or write {}", one_of(&words)))
            }
        }
    }

    fn natural_domain(&self, kind: Kind) -> Option<Domain> {
        match kind {
            Kind::Bool => Some(Domain::all(Interval::BOOL)),
            Kind::Enum(index) => {
                let last = self.enums[index as usize].values.len().max(1) as i128 - 1;
                Some(Domain::all(Interval::new(0, last)))
            }
            Kind::Date => Some(Domain::all(Interval::new(DAY_MIN, DAY_MAX))),
            _ => None,
        }
    }

    fn domain(&self, domain: &ast::Domain, kind: Kind, findings: &mut Findings) -> Option<Domain> {
        let ty = self.ty(kind);
        let mut value = |expr| {
            let constant = self.constant(expr, ty, findings)?;
            self.scaled(ty, constant)
        };
        match &domain.kind {
            _ if kind == Kind::Bool => {
                let message = "`bool` has no range";
                findings.report(Diagnostic::new(Code::NoRange, domain.span, message).help("drop it"));
                None
            }
            DomainKind::Range { .. } if matches!(kind, Kind::Enum(_)) => {
                let message = "the values of an enum have no order, so they have no range";
                let diagnostic = Diagnostic::new(Code::NoRange, domain.span, message);
                findings.report(diagnostic.help("list them: `in {a, b}`"));
                None
            }
            DomainKind::Range { low, high } if kind == Kind::Date && self.years(*low, *high).is_some() => {
                let (first, last) = self.years(*low, *high)?;
                let span = self.tree.exprs[*low].span.to(self.tree.exprs[*high].span);
                let meant = format!("{first:04}-01-01..{last:04}-12-31");
                let diagnostic =
                    Diagnostic::new(Code::MalformedDate, span, "a range of dates is between two days");
                findings.report(diagnostic.help(format!("write `{meant}`")).fix(span, meant));
                None
            }
            DomainKind::Range { low, high } => {
                let (low, high) = (value(*low), value(*high));
                let (low, high) = (low?, high?);
                if low > high {
                    findings.report(self.empty_range(domain.span, ty, low, high));
                    return None;
                }
                Some(Domain::all(Interval::new(low, high)))
            }
            DomainKind::Set(members) => {
                let values: Vec<Option<i128>> = members.iter().map(|member| value(*member)).collect();
                Domain::of(values.into_iter().collect::<Option<_>>()?)
            }
        }
    }

    /// Two numbers that are years, in order.
    fn years(&self, low: ast::ExprId, high: ast::ExprId) -> Option<(i128, i128)> {
        let year = |expr: ast::ExprId| match self.tree.exprs[expr].kind {
            ast::ExprKind::Number(ast::Number { mantissa: year @ 1_000..=9_999, scale: 0 }) => Some(year),
            _ => None,
        };
        Some((year(low)?, year(high)?)).filter(|(first, last)| first <= last)
    }

    /// A range that holds no value.
    pub fn empty_range(&self, span: ast::Span, ty: Ty, low: i128, high: i128) -> Diagnostic {
        let (low, high) = (self.written(ty, low), self.written(ty, high));
        let message = format!("this range is empty: `{low}` is greater than `{high}`");
        Diagnostic::new(Code::EmptyRange, span, message)
            .help(format!("write the smaller end first: `{high}..{low}`"))
    }

    /// What comes from a snapshot. What could not be understood is left out, which has been reported.
    fn read_holes(&self, findings: &mut Findings) -> Vec<hir::Hole> {
        let mut holes = Vec::new();
        let cited = |cite: &Option<ast::Text>| cite.as_ref().map(|cite| cite.text.clone());
        for (param, info) in self.items.params.iter().zip(&self.params) {
            let (true, Some(TypeInfo { kind, domain })) = (param.from_snapshot, info) else { continue };
            let Some(domain) = domain.clone() else {
                if param.ty.domain.is_none() {
                    findings.report(self.missing_range(
                        &param.name,
                        &param.ty,
                        *kind,
                        "a parameter from a snapshot",
                    ));
                }
                continue;
            };
            let shape = Shape::Value { kind: *kind, domain };
            let hole = opus_ir::Hole { name: param.name.text.clone(), shape };
            holes.push(hir::Hole { hole, ty: self.ty(*kind), cite: cited(&param.cite), span: param.span });
        }
        for set in &self.items.sets {
            let Some(&of) = self.names.enums.get(set.of.text.as_str()) else {
                let known = self.names.enums.keys().copied();
                findings.report(names::unknown(&set.of, "enum", known));
                continue;
            };
            findings.refer(self.enums[of as usize].decl.name.span);
            // a snapshot may hold any of its values
            for value in &self.enums[of as usize].values {
                findings.refer(value.name.span);
            }
            let hole = opus_ir::Hole { name: set.name.text.clone(), shape: Shape::Set(of) };
            holes.push(hir::Hole { hole, ty: Ty::BOOL, cite: cited(&set.cite), span: set.span });
        }
        for table in &self.items.fact_tables {
            let keys: Vec<Option<TableKey>> =
                table.keys.iter().map(|key| self.fact_key(key, findings)).collect();
            let info = self.read_type(&table.ty, findings);
            if let Some(TypeInfo { kind, domain: None }) = &info
                && table.ty.domain.is_none()
            {
                let noun = "a table from a snapshot";
                findings.report(self.missing_range(&table.name, &table.ty, *kind, noun));
            }
            let (Some(keys), Some(TypeInfo { kind, domain: Some(domain) })) =
                (keys.into_iter().collect::<Option<Vec<_>>>(), info)
            else {
                continue;
            };
            if opus_ir::program::entries(&keys).is_none() {
                let message = format!("`{}` has more than {TABLE_ENTRIES_MAX} entries", table.name.text);
                let diagnostic = Diagnostic::new(Code::TooManyCells, table.name.span, message)
                    .help("one entry is needed for each combination of keys: narrow their ranges");
                findings.report(diagnostic);
                continue;
            }
            let shape = Shape::Table { keys, kind, domain };
            let hole = opus_ir::Hole { name: table.name.text.clone(), shape };
            holes.push(hir::Hole { hole, ty: self.ty(kind), cite: cited(&table.cite), span: table.span });
        }
        self.look_for_none(&holes, findings);
        holes
    }

    /// A fact cannot have the value `none` of an enum: the word says that the key has no value any more.
    fn look_for_none(&self, holes: &[hir::Hole], findings: &mut Findings) {
        for (of, def) in self.enums.iter().enumerate() {
            let Some(value) = def.values.iter().find(|value| value.name.text == NONE) else { continue };
            let is_value = |hole: &&hir::Hole| hole.of().is_none() && hole.kind() == Kind::Enum(of as u32);
            let Some(hole) = holes.iter().find(is_value) else { continue };
            let message = format!(
                "a fact of `{}` cannot have the value `{NONE}`, which in a snapshot ends the fact before it",
                hole.hole.name
            );
            let diagnostic = Diagnostic::new(Code::EnumValueClash, value.name.span, message);
            let help = format!("rename the value, for example to `no_{}`", def.decl.name.text.to_lowercase());
            findings.report(diagnostic.also(hole.span, "it takes its value from a snapshot").help(help));
        }
    }

    /// A key of a table from a snapshot.
    fn fact_key(&self, key: &ast::FactKey, findings: &mut Findings) -> Option<TableKey> {
        let TypeInfo { kind, domain } = self.read_type(&key.ty, findings)?;
        match kind {
            Kind::Bool | Kind::Int => {}
            Kind::Enum(of) => {
                // a snapshot may have entries for any of its values
                self.enums[of as usize].values.iter().for_each(|value| findings.refer(value.name.span));
            }
            _ => {
                let message =
                    format!("`{}` is not a Boolean, a whole number or a value of an enum", key.name.text);
                let diagnostic = Diagnostic::new(Code::WrongType, key.ty.span, message)
                    .help("a table from a snapshot has an entry for each value of its keys");
                findings.report(diagnostic);
                return None;
            }
        }
        if domain.is_none() && key.ty.domain.is_none() {
            findings.report(self.missing_range(&key.name, &key.ty, kind, "a key"));
        }
        Some(TableKey { name: key.name.text.clone(), kind, domain: domain? })
    }

    /// The index of the hole with a name.
    pub fn hole_named(&self, name: &ast::Name) -> Option<u32> {
        self.holes.iter().position(|known| known.hole.name == name.text).map(|index| index as u32)
    }

    /// The type of the values of a kind.
    pub fn ty(&self, kind: Kind) -> Ty {
        match kind {
            Kind::Bool => Ty::BOOL,
            Kind::Int => Ty::scaled(Unit::Number, 0),
            Kind::Decimal(digits) => Ty::scaled(Unit::Number, digits),
            Kind::Money => Ty::scaled(Unit::Money, self.money_digits()),
            Kind::Percent(digits) => Ty::scaled(Unit::Percent, digits + 2),
            Kind::Days => Ty::scaled(Unit::Days, 0),
            Kind::Date => Ty::scaled(Unit::Date, 0),
            Kind::Enum(index) => Ty::scaled(Unit::Enum(index), 0),
        }
    }

    /// The decimals of an amount.
    pub fn money_digits(&self) -> u8 {
        self.currency.map_or(2, |known| known.digits)
    }

    /// The index of a value of an enum.
    pub fn enum_value(&self, index: u32, name: &str) -> Option<u32> {
        let values = &self.enums[index as usize].values;
        values.iter().position(|value| value.name.text == name).map(|at| at as u32)
    }

    /// The index of the rule with the id at this place.
    pub fn rule_index(&self, id: ast::Span) -> u32 {
        self.rules.partition_point(|rule| rule.id.span < id) as u32
    }

    /// The index of the requirement with the id at this place.
    pub fn require_index(&self, id: ast::Span) -> u32 {
        self.items.requires.partition_point(|item| item.id.span < id) as u32
    }

    /// The schema, where all types were understood.
    pub fn schema(&self) -> Option<Schema> {
        let fields = |infos: &[FieldInfo]| -> Option<Vec<Field>> { infos.iter().map(schema_field).collect() };
        Some(Schema {
            currency: self.currency.map(|known| Currency { code: known.code.into(), digits: known.digits }),
            enums: self.enums.iter().map(enum_def).collect(),
            inputs: fields(&self.inputs)?,
            outputs: fields(&self.outputs)?,
            effective: self.effective,
        })
    }
}

/// Says once, at the first amount of money, that the policy has no currency.
fn require_currency(tree: &ast::Policy, items: &Items, findings: &mut Findings) {
    let fields = items.inputs.iter().chain(&items.outputs).map(|field| &field.ty);
    let params = items.params.iter().map(|param| &param.ty);
    let types = fields.chain(params).chain(items.tables.iter().map(|table| table.ty()));
    let of_types = types.filter(|ty| ty.kind == TypeKind::Money).map(|ty| ty.span);
    let literals = tree.exprs.values().filter(|expr| matches!(expr.kind, ast::ExprKind::Money { .. }));
    if let Some(span) = of_types.chain(literals.map(|expr| expr.span)).min() {
        let message = "the policy does not say what currency its amounts are in";
        let diagnostic = Diagnostic::new(Code::MissingCurrency, span, message);
        let help = "add `currency USD`, or another code, at the beginning of the policy";
        findings.report(diagnostic.help(help));
    }
}

fn schema_field(info: &FieldInfo) -> Option<Field> {
    let TypeInfo { kind, domain } = info.ty.clone()?;
    let optional = info.decl.optional.is_some();
    Some(Field { name: info.decl.name.text.clone(), kind, domain: domain?, optional })
}

fn enum_def(info: &EnumInfo) -> EnumDef {
    let value = |value: &&ast::EnumValueDecl| EnumValue {
        name: value.name.text.clone(),
        text: value.text.as_ref().map(|text| text.text.clone()),
    };
    EnumDef { name: info.decl.name.text.clone(), values: info.values.iter().map(value).collect() }
}
