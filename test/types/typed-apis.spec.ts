import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import ts from 'typescript';

const ROOT = join(__dirname, '..', '..');
const ACCEPTED = join(__dirname, 'typed-apis.ts');
const REJECTED = join(__dirname, 'rejected.virtual.ts');

const DOCUMENTED = join(__dirname, 'documented.virtual.ts');

/** What `import … from 'dmalab'` gives of these, without the rest of the lab. */
const DMALAB = `
import * as layout from '../../base/layout';
import type { StructDevice } from '../../kernel-api/base/struct-device';
import { GFP_KERNEL } from '../../kernel-api/gfp';
import type { Kernel } from '../../kernel-api/kernel';
import * as rust from '../../kernel-api/rust';
`;

/** The TypeScript of docs/typed-apis.md, in one module. */
const documented = (): string => {
  const page = readFileSync(join(ROOT, 'docs', 'typed-apis.md'), 'utf8');
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!);
  expect(blocks.length).to.be.greaterThan(4);
  return `${DMALAB}${blocks.join('').replace(/^import .*'dmalab';$/m, '')}\nexport {};\n`;
};

const PRELUDE = `
import { array, le32, le64, padding, struct, u8, type LayoutType, type Slice } from '../../base/layout';
import type { StructDevice } from '../../kernel-api/base/struct-device';
import { GFP_KERNEL } from '../../kernel-api/gfp';
import type { Kernel } from '../../kernel-api/kernel';
import * as rust from '../../kernel-api/rust';
const sqe = struct('nvme_sqe', { opcode: u8, nsid: le32, rsvd: padding(3), data: array(le64, 2) });
declare const kernel: Kernel;
declare const any: StructDevice;
declare const bound: rust.Device<rust.Bound>;
declare const core: rust.Device<rust.Core>;
declare const box: rust.CoherentBox<typeof sqe>;
declare const ring: rust.Coherent<Slice<typeof sqe>>;
declare const one: rust.Coherent<typeof sqe>;
declare const handle: rust.CoherentHandle;
declare const table: rust.SGTable;
declare const devres: rust.Devres<Disposable & { on: boolean }>;
declare const n: number;
export { array, le32, le64, u8, GFP_KERNEL, kernel, any, bound, core, box, ring, one, handle, table, devres, n };
`;

/** Statements that must not compile, and what the compiler has to say about each. */
const NEGATIVE: readonly (readonly [statement: string, error: RegExp])[] = [
  ['const v: LayoutType<typeof sqe> = { opcode: 1, nsid: 1, data: [1n] };', /'1' is not assignable to type '2'/],
  [
    'const v: LayoutType<typeof sqe> = { opcode: 1, nsid: 1, data: [1, 2] };',
    /'number' is not assignable to type 'bigint'/,
  ],
  ['const v: LayoutType<typeof sqe> = { opcode: 1, data: [1n, 2n] };', /Property 'nsid' is missing/],
  ['const v: LayoutType<typeof sqe> = { opcode: 1, nsid: 1, data: [1n, 2n], rsvd: 0 };', /'rsvd' does not exist/],
  ['sqe.fields.rsvd.offset;', /'rsvd' does not exist/],
  ["sqe.offsetOf('nope');", /"nope".* is not assignable/],
  ['array(u8, 0);', /not assignable to parameter of type 'never'/],
  ['array(u8, -4);', /not assignable to parameter of type 'never'/],
  ["struct('x', { a: 'u8' });", /not assignable to type 'FieldSpec'/],
  ['rust.DmaMask.new(65);', /'65' is not assignable/],
  ['rust.DmaMask.new(n);', /'number' is not assignable/],
  ['new rust.DmaMask(5n);', /Constructor of class 'DmaMask' is private/],
  [
    'rust.dmaSetMask(any, rust.DmaMask.new(32));',
    /not assignable to parameter of type 'Device<Core>'|not assignable to .*Core/,
  ],
  ['rust.dmaSetMask(bound, rust.DmaMask.new(32));', /'core' is missing/],
  ['rust.dmaSetMask(core, 32n);', /not assignable to parameter of type 'DmaMask'/],
  ['rust.Coherent.zeroed(any, u8, GFP_KERNEL);', /StructDevice/],
  ['rust.Coherent.zeroed(bound, GFP_KERNEL);', /Expected 3 arguments/],
  ['rust.Coherent.zeroedSlice(bound, u8, 4n, GFP_KERNEL);', /'bigint' is not assignable|'4n' is not assignable/],
  ['rust.Coherent.fromSlice(bound, le64, [1], GFP_KERNEL);', /'number' is not assignable to type 'bigint'/],
  ['rust.Coherent.init(bound, sqe, GFP_KERNEL, { opcode: 1 });', /not assignable/],
  ["rust.Coherent.init(bound, sqe, GFP_KERNEL, (place) => place.write(['nope'], 1));", /"nope".* is not assignable/],
  ['box.dmaHandle();', /'dmaHandle' does not exist/],
  ['box.asPtr();', /'asPtr' does not exist/],
  ['rust.dmaRead(box, []);', /not assignable to parameter of type 'Coherent</],
  ['const c: rust.Coherent<typeof sqe> = box;', /not assignable to type 'Coherent</],
  ['const b: rust.CoherentBox<typeof sqe> = one;', /not assignable to type 'CoherentBox</],
  ['one.intoCoherent();', /'intoCoherent' does not exist/],
  ['one.len();', /'this' context of type .* is not assignable/],
  ['box.fill(1);', /'this' context|not assignable/],
  ['box.initAt(0, 1);', /'this' context|not assignable/],
  ["rust.dmaRead(ring, [0, 'nope']);", /"nope".* is not assignable/],
  ["rust.dmaRead(ring, ['opcode']);", /not assignable/],
  ["rust.dmaRead(ring, [0, 'rsvd']);", /"rsvd".* is not assignable/],
  ["rust.dmaRead(ring, [0, 'data', rust.buildIndex(2)]);", /'never'/],
  ['rust.dmaRead(ring, [rust.buildIndex(0)]);', /'never'/],
  ["rust.dmaWrite(ring, [0, 'nsid'], 1n);", /'1n' is not assignable|'bigint' is not assignable/],
  ["rust.dmaWrite(ring, [0, 'data'], [1n]);", /not assignable/],
  ["const v: bigint = rust.dmaRead(ring, [0, 'nsid']);", /'number' is not assignable to type 'bigint'/],
  ['rust.dmaRead(handle, []);', /not assignable to parameter of type 'Coherent</],
  ['handle.asPtr();', /'asPtr' does not exist/],
  ['handle.fieldRead([]);', /'fieldRead' does not exist/],
  ['rust.attrs.DMA_ATTR_NO_KERNEL_MAPPING;', /'DMA_ATTR_NO_KERNEL_MAPPING' does not exist/],
  ['rust.CoherentHandle.allocWithAttrs(bound, 1, GFP_KERNEL, 256);', /not assignable to parameter of type 'Attrs'/],
  [
    'rust.SGTable.new(bound, [], rust.DataDirection.ToDevice, GFP_KERNEL);',
    /not assignable|missing the following properties/,
  ],
  ['rust.SGTable.new(bound, rust.VVec.withCapacity(kernel, u8, 1, GFP_KERNEL), 1, GFP_KERNEL);', /DataDirection/],
  ['using t = table;', /Symbol\.dispose/],
  ['table.drop();', /'drop' does not exist/],
  ['rust.Devres.new(bound, { on: true });', /Disposable|Symbol\.dispose/],
  ['devres.access(any);', /StructDevice/],
  ['devres.tryAccess().value;', /possibly 'null'/],
];

describe('the typed APIs, as the compiler sees them', () => {
  const source =
    PRELUDE + NEGATIVE.map(([statement], i) => `export const case${i} = () => { ${statement} };`).join('\n');
  const firstLine = PRELUDE.split('\n').length - 1;

  const diagnose = (): readonly ts.Diagnostic[] => {
    const config = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)).config as object;
    const raw = (config as { compilerOptions: object }).compilerOptions;
    const relaxed = { ...raw, noUnusedLocals: false, incremental: false, types: [], tsBuildInfoFile: null };
    const { options } = ts.convertCompilerOptionsFromJson(relaxed, ROOT);
    const host = ts.createCompilerHost(options);
    const readFile = host.readFile.bind(host);
    const fileExists = host.fileExists.bind(host);
    const virtual = new Map([
      [REJECTED, source],
      [DOCUMENTED, documented()],
    ]);
    host.readFile = (path) => virtual.get(path) ?? readFile(path);
    host.fileExists = (path) => virtual.has(path) || fileExists(path);
    const program = ts.createProgram([ACCEPTED, REJECTED, DOCUMENTED], options, host);
    return [ACCEPTED, REJECTED, DOCUMENTED].flatMap((path) => {
      const file = program.getSourceFile(path)!;
      return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    });
  };

  let diagnostics: readonly ts.Diagnostic[];
  before(() => {
    diagnostics = diagnose();
  });

  const text = (diagnostic: ts.Diagnostic): string => ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n');
  const lineOf = ({ file, start }: ts.Diagnostic): number => file!.getLineAndCharacterOfPosition(start!).line;

  const toldOf = (path: string): string[] =>
    diagnostics.filter(({ file }) => file!.fileName === path).map((d) => `${lineOf(d) + 1}: ${text(d)}`);

  it('accept what they should, and reject what is marked in typed-apis.ts', () => {
    expect(toldOf(ACCEPTED)).to.deep.equal([]);
  });

  it('accept what docs/typed-apis.md shows', () => {
    expect(toldOf(DOCUMENTED)).to.deep.equal([]);
  });

  it('reject each of the statements of the list, for its reason', () => {
    const rejected = diagnostics.filter(({ file }) => file!.fileName === REJECTED);
    expect(rejected.filter((d) => lineOf(d) < firstLine).map(text)).to.deep.equal([]);
    const wrong = NEGATIVE.flatMap(([statement, error], i) => {
      const own = rejected.filter((d) => lineOf(d) === firstLine + i).map(text);
      return error.test(own.join('\n')) ? [] : [`${statement} says: ${own.join(' | ') || 'nothing'}`];
    });
    expect(wrong).to.deep.equal([]);
  });
});
