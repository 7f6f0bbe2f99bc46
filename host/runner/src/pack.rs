//! Packs a blacklist's image into the component: a data segment at a page-aligned address of the core module's memory.
//!
//! Only the core module's memory section (its minimum grows by the image), its data section and its data count change; every other byte is copied as
//! it is, so packing needs no memory but that of the writer it streams to. The layout is planned first, for the lengths stand before the contents.
//! `wit/matcher.wit` says how the component finds the image.

use std::io::{self, Write};
use std::ops::Range;

use wasm_encoder::Encode as _;
use wasmparser::{DataSectionReader, ExternalKind, MemoryType, Operator, Parser, Payload};

use crate::error::PackError;

/// The longest image, in bytes: the component format's readers take core modules of at most 1 GiB, of which 4 MiB are left to the module itself.
pub const MAX_IMAGE_BYTES: usize = 1024 * 1024 * 1024 - 4 * 1024 * 1024;

/// The longest nested core module, in bytes (wasmparser's `MAX_WASM_MODULE_SIZE`).
const MAX_MODULE_BYTES: u64 = 1024 * 1024 * 1024;
/// The core module's export that says where the image's address and length go.
const DESCRIPTOR: &str = "threatsieve_blacklist";
const PAGE_BYTES: u64 = 65_536;
/// Pages of a 32-bit memory.
const MAX_PAGES: u64 = 65_536;

// Section numbers: core specification 5.5.2, and "core module" of the component model's binary format.
const MEMORY_SECTION: u8 = 5;
const CODE_SECTION: u8 = 10;
const DATA_SECTION: u8 = 11;
const DATA_COUNT_SECTION: u8 = 12;
const CORE_MODULE_SECTION: u8 = 1;

/// What the packed component consists of.
#[derive(Debug)]
enum Piece {
    /// Bytes of the component as built.
    Kept(Range<usize>),
    /// A section's new bytes.
    New(Vec<u8>),
    /// The whole image.
    Image,
}

/// A packed component that is planned but not written.
#[derive(Debug)]
pub struct Packing<'a> {
    component: &'a [u8],
    image: &'a [u8],
    pieces: Vec<Piece>,
    address: u32,
}

impl<'a> Packing<'a> {
    /// Plans how `image` goes into `component`, or says why it cannot. Allocates next to nothing.
    pub fn plan(component: &'a [u8], image: &'a [u8]) -> Result<Packing<'a>, PackError> {
        if image.len() > MAX_IMAGE_BYTES {
            return Err(PackError::TooLarge { got: image.len() });
        }
        let module = Module::find(component)?;
        let first_page = module.memory.initial;
        let pages = (image.len() as u64).div_ceil(PAGE_BYTES);
        if first_page + pages > MAX_PAGES {
            return Err(PackError::Foreign("its own memory leaves no room for the image"));
        }
        let address = (first_page * PAGE_BYTES) as u32;
        let mut inner = module.rewrite(component, pages, address, image.len() as u32);
        let length: u64 = inner.iter().map(|piece| piece.len(image)).sum();
        if length > MAX_MODULE_BYTES {
            return Err(PackError::Foreign("its core module has more than 4 MiB"));
        }
        let mut header = vec![CORE_MODULE_SECTION];
        (length as u32).encode(&mut header);
        let mut pieces = vec![Piece::Kept(0..module.section.start), Piece::New(header)];
        pieces.append(&mut inner);
        pieces.push(Piece::Kept(module.content.end..component.len()));
        Ok(Packing { component, image, pieces, address })
    }

    /// Bytes of the packed component.
    pub fn packed_bytes(&self) -> usize {
        self.pieces.iter().map(|piece| piece.len(self.image) as usize).sum()
    }

    /// Where the image lies in the component's memory: a multiple of 65,536.
    pub fn address(&self) -> u32 {
        self.address
    }

    /// Writes the packed component.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        for piece in &self.pieces {
            out.write_all(match piece {
                Piece::Kept(range) => &self.component[range.clone()],
                Piece::New(bytes) => bytes,
                Piece::Image => self.image,
            })?;
        }
        Ok(())
    }
}

impl Piece {
    fn len(&self, image: &[u8]) -> u64 {
        match self {
            Piece::Kept(range) => range.len() as u64,
            Piece::New(bytes) => bytes.len() as u64,
            Piece::Image => image.len() as u64,
        }
    }
}

/// The core module that the image goes into, as far as packing must know it. All ranges are those of the component's bytes.
struct Module {
    /// The section of the component that holds it, with its header.
    section: Range<usize>,
    /// The module itself.
    content: Range<usize>,
    /// Its sections in their order: number, place with header.
    sections: Vec<(u8, Range<usize>)>,
    memory: MemoryType,
    descriptor: u32,
    /// The data segments: how many, and where their bytes are.
    data: Option<(u32, Range<usize>)>,
}

impl Module {
    /// The core module that exports the descriptor.
    fn find(component: &[u8]) -> Result<Module, PackError> {
        if !Parser::is_component(component) {
            return Err(PackError::Foreign("it is no component"));
        }
        let mut parser = Parser::new(0);
        let mut at = 0;
        loop {
            let (payload, consumed) = match parser.parse(&component[at..], true)? {
                wasmparser::Chunk::Parsed { payload, consumed } => (payload, consumed),
                wasmparser::Chunk::NeedMoreData(_) => return Err(PackError::Foreign("it is cut off")),
            };
            match payload {
                Payload::End(_) => {
                    return Err(PackError::Foreign("no core module of it exports `threatsieve_blacklist`"));
                }
                Payload::ModuleSection { unchecked_range: content, .. } => {
                    let bytes = component.get(..content.end).ok_or(PackError::Foreign("it is cut off"))?;
                    if let Some(module) = Module::read(bytes, at..content.end, content.clone())? {
                        return Ok(module);
                    }
                    at = content.end;
                }
                Payload::ComponentSection { unchecked_range: content, .. } => {
                    at = content.end;
                }
                _ => at += consumed,
            }
        }
    }

    /// Reads a core module; `None` if it does not export the descriptor.
    fn read(
        component: &[u8],
        section: Range<usize>,
        content: Range<usize>,
    ) -> Result<Option<Module>, PackError> {
        let mut found = Found::default();
        let mut sections = Vec::new();
        // The magic number and the version.
        let mut end = content.start + 8;
        for payload in Parser::new(content.start as u64).parse_all(&component[content.clone()]) {
            let payload = payload?;
            if let Some((id, range)) = payload.as_section() {
                sections.push((id, end..range.end));
                end = range.end;
            }
            found.take(payload)?;
        }
        let Some(global) = found.descriptor_global else { return Ok(None) };
        let memory = match found.memories[..] {
            [memory] => memory,
            _ => return Err(PackError::Foreign("its core module has not exactly one memory")),
        };
        if memory.memory64 || memory.shared || memory.page_size_log2.is_some() {
            return Err(PackError::Foreign("its core module's memory is not a plain 32-bit one"));
        }
        let descriptor = found.globals.get(global as usize).copied().flatten();
        let descriptor =
            descriptor.ok_or(PackError::Foreign("its `threatsieve_blacklist` is not a constant address"))?;
        if u64::from(descriptor) + 8 > memory.initial * PAGE_BYTES {
            return Err(PackError::Foreign("its `threatsieve_blacklist` points outside its memory"));
        }
        Ok(Some(Module { section, content, sections, memory, descriptor, data: found.data }))
    }

    /// The module's pieces with the image in it.
    fn rewrite(&self, component: &[u8], pages: u64, address: u32, length: u32) -> Vec<Piece> {
        let mut pieces = vec![Piece::Kept(self.content.start..self.content.start + 8)];
        let segments = |pieces: &mut Vec<Piece>| {
            let (count, old) = self.data.clone().unwrap_or((0, 0..0));
            let ours = new_segments(self.descriptor, address, length);
            let mut header = Vec::new();
            (count + 2).encode(&mut header);
            let total = header.len() + old.len() + ours.len() + length as usize;
            let mut start = vec![DATA_SECTION];
            (total as u32).encode(&mut start);
            start.append(&mut header);
            pieces.extend([Piece::New(start), Piece::Kept(old), Piece::New(ours), Piece::Image]);
        };
        for (id, range) in &self.sections {
            match *id {
                MEMORY_SECTION => pieces.push(Piece::New(memory_section(&self.memory, pages))),
                DATA_COUNT_SECTION => {
                    let mut section = Vec::new();
                    let count = self.data.as_ref().map_or(0, |(count, _)| *count) + 2;
                    section.push(DATA_COUNT_SECTION);
                    wasm_encoder::DataCountSection { count }.encode(&mut section);
                    pieces.push(Piece::New(section));
                }
                DATA_SECTION => segments(&mut pieces),
                id => {
                    pieces.push(Piece::Kept(range.clone()));
                    if id == CODE_SECTION && self.data.is_none() {
                        segments(&mut pieces);
                    }
                }
            }
        }
        debug_assert!(self.content.end <= component.len());
        pieces
    }
}

/// What a walk over a core module's sections has met.
#[derive(Default)]
struct Found {
    descriptor_global: Option<u32>,
    memories: Vec<MemoryType>,
    /// The value of each global that starts as a constant `i32`.
    globals: Vec<Option<u32>>,
    data: Option<(u32, Range<usize>)>,
}

impl Found {
    fn take(&mut self, payload: Payload<'_>) -> Result<(), PackError> {
        match payload {
            Payload::ImportSection(_) => {
                // Imported globals and memories would be counted before its own.
                Err(PackError::Foreign("its core module imports something"))
            }
            Payload::MemorySection(memories) => {
                self.memories = memories.into_iter().collect::<Result<_, _>>()?;
                Ok(())
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let mut start = global?.init_expr.get_operators_reader();
                    self.globals.push(match start.read()? {
                        Operator::I32Const { value } => Some(value as u32),
                        _ => None,
                    });
                }
                Ok(())
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    if export.name == DESCRIPTOR && export.kind == ExternalKind::Global {
                        self.descriptor_global = Some(export.index);
                    }
                }
                Ok(())
            }
            Payload::DataSection(data) => {
                self.data = Some((data.count(), segment_bytes(&data)));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Where a data section's segments lie, behind their count.
fn segment_bytes(data: &DataSectionReader<'_>) -> Range<usize> {
    data.original_position()..data.range().end
}

fn memory_section(memory: &MemoryType, pages: u64) -> Vec<u8> {
    let mut section = vec![MEMORY_SECTION];
    let mut memories = wasm_encoder::MemorySection::new();
    memories.memory(wasm_encoder::MemoryType {
        minimum: memory.initial + pages,
        maximum: memory.maximum.map(|maximum| MAX_PAGES.min(maximum + pages)),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    memories.encode(&mut section);
    section
}

/// The two segments, all but the image's bytes: the descriptor's value, then the image's header.
fn new_segments(descriptor: u32, address: u32, length: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let [first, second] = [address.to_le_bytes(), length.to_le_bytes()];
    segment_header(&mut bytes, descriptor, 8);
    bytes.extend_from_slice(&first);
    bytes.extend_from_slice(&second);
    segment_header(&mut bytes, address, length);
    bytes
}

/// An active segment of memory 0 (core specification 5.5.14): its kind, its address as a constant expression, its length.
fn segment_header(bytes: &mut Vec<u8>, address: u32, length: u32) {
    bytes.push(0);
    wasm_encoder::ConstExpr::i32_const(address as i32).encode(bytes);
    length.encode(bytes);
}
