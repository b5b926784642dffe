//! From straight-line code to native code: plan the pieces, write each one, compile them, join them.

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{AbiParam, Function, InstBuilder, Signature, UserFuncName, Value as Clif, types};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use opus_ir::Straight;

use crate::code::{ALIGNMENT, Kind, Native};
use crate::emit::{Data, Emit};
use crate::isa::{self, Level};
use crate::plan::{self, Piece, Plan};
use crate::{lower_columns, lower_row, reduce};

/// Why native code could not be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unsupported {
    /// The target is not x86-64.
    Target,
    /// The compiler has failed, with this message.
    Compiler(String),
}

impl std::fmt::Display for Unsupported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unsupported::Target => {
                f.write_str("native code is available on x86-64 only: use the virtual machine")
            }
            Unsupported::Compiler(why) => write!(f, "the native compiler has failed: {why}"),
        }
    }
}

impl std::error::Error for Unsupported {}

/// Compiles a decision for one row at a time.
///
/// # Errors
/// On targets other than x86-64.
pub fn compile_row(line: &Straight, level: Level) -> Result<Native, Unsupported> {
    compile(line, Kind::Row, level, lower_row::BUDGET, None)
}

/// Compiles a decision for 16 rows per step over columns.
///
/// # Errors
/// On targets other than x86-64.
pub fn compile_columns(line: &Straight, level: Level) -> Result<Native, Unsupported> {
    compile(line, Kind::Columns, level, lower_columns::BUDGET, None)
}

/// Compiles a decision in pieces of about `budget` machine instructions: for tests and fuzzers, which pass values
/// between pieces without needing thousands of rules.
///
/// # Errors
/// On targets other than x86-64.
pub fn compile_in_pieces(
    line: &Straight,
    kind: Kind,
    level: Level,
    budget: usize,
) -> Result<Native, Unsupported> {
    compile(line, kind, level, budget, None)
}

/// The compiled form of a decision as text: for each piece the instructions that the lowering writes, then the
/// machine's.
///
/// # Errors
/// On targets other than x86-64.
pub fn disassemble(line: &Straight, kind: Kind, level: Level) -> Result<String, Unsupported> {
    let mut text = String::new();
    let budget = match kind {
        Kind::Row => lower_row::BUDGET,
        Kind::Columns => lower_columns::BUDGET,
    };
    compile(line, kind, level, budget, Some(&mut text))?;
    Ok(text)
}

fn compile(
    line: &Straight,
    kind: Kind,
    level: Level,
    budget: usize,
    mut text: Option<&mut String>,
) -> Result<Native, Unsupported> {
    if !cfg!(target_arch = "x86_64") {
        return Err(Unsupported::Target);
    }
    let line = &reduce::reduce(line);
    let plan = match kind {
        Kind::Row => lower_row::plan(line, budget),
        Kind::Columns => lower_columns::plan(line, budget),
    };
    let mut compiler = Compiler::new(level, kind);
    let (mut bytes, mut pieces, mut data) = (Vec::new(), Vec::new(), Data::default());
    for piece in &plan.pieces {
        pieces.push(bytes.len() as u32);
        compiler.piece(line, &plan, piece, &mut data, &mut bytes, text.as_deref_mut())?;
    }
    let constants = bytes.len() as u32;
    bytes.extend_from_slice(&data.bytes);
    Ok(Native {
        kind,
        level,
        inputs: plan::input_columns(line),
        outputs: plan::output_columns(line),
        pieces,
        constants,
        state_bytes: plan.state_bytes,
        bytes,
    })
}

/// The state that is reused for every piece.
struct Compiler {
    kind: Kind,
    level: Level,
    target: cranelift_codegen::isa::OwnedTargetIsa,
    context: Context,
    builder: FunctionBuilderContext,
}

impl Compiler {
    fn new(level: Level, kind: Kind) -> Compiler {
        let target = isa::target(level);
        Compiler { kind, level, target, context: Context::new(), builder: FunctionBuilderContext::new() }
    }

    /// Compiles one piece and appends it, aligned.
    fn piece(
        &mut self,
        line: &Straight,
        plan: &Plan,
        piece: &Piece,
        data: &mut Data,
        bytes: &mut Vec<u8>,
        text: Option<&mut String>,
    ) -> Result<(), Unsupported> {
        self.context.clear();
        self.context.set_disasm(text.is_some());
        self.context.func = self.write(line, plan, piece, data);
        if let Some(text) = text {
            text.push_str(&format!("{}\n", self.context.func.display()));
            let compiled = compiled(&mut self.context, &*self.target)?;
            text.push_str(compiled.vcode.as_deref().unwrap_or(""));
            text.push('\n');
            return Ok(());
        }
        let compiled = compiled(&mut self.context, &*self.target)?;
        assert!(compiled.buffer.relocs().is_empty(), "a lowering calls nothing and names no symbol");
        assert!(compiled.buffer.alignment as usize <= ALIGNMENT, "constants are aligned to their own size");
        bytes.extend_from_slice(compiled.code_buffer());
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        Ok(())
    }

    fn write(&mut self, line: &Straight, plan: &Plan, piece: &Piece, data: &mut Data) -> Function {
        let count = match self.kind {
            Kind::Row => lower_row::PARAMS,
            Kind::Columns => lower_columns::PARAMS,
        };
        let mut signature = Signature::new(CallConv::SystemV);
        signature.params = vec![AbiParam::new(types::I64); count];
        let mut func = Function::with_name_signature(UserFuncName::user(0, 0), signature);
        let mut b = FunctionBuilder::new(&mut func, &mut self.builder);
        let entry = b.create_block();
        b.append_block_params_for_function_params(entry);
        b.switch_to_block(entry);
        let params: Vec<Clif> = b.block_params(entry).to_vec();
        // the constants are the parameter before the last in both
        let mut emit = Emit { b, constants: params[count - 2], data, level: self.level };
        match self.kind {
            Kind::Row => lower_row::lower(&mut emit, line, plan, piece, array(&params)),
            Kind::Columns => lower_columns::lower(&mut emit, line, plan, piece, array(&params)),
        }
        emit.b.ins().return_(&[]);
        emit.b.seal_all_blocks();
        emit.b.finalize(self.target.frontend_config());
        func
    }
}

fn array<const N: usize>(params: &[Clif]) -> [Clif; N] {
    params.try_into().expect("the signature has as many parameters")
}

fn compiled<'a>(
    context: &'a mut Context,
    target: &dyn TargetIsa,
) -> Result<&'a cranelift_codegen::CompiledCode, Unsupported> {
    let compiled = context.compile(target, &mut ControlPlane::default());
    compiled.map_err(|error| Unsupported::Compiler(format!("{:?}", error.inner)))
}
