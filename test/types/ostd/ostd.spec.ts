import { join } from 'node:path';
import { expect } from 'chai';
import ts from 'typescript';

const ROOT = join(__dirname, '..', '..', '..');
const CASES = join(__dirname, 'ostd.virtual.ts');

const PRELUDE = `
import { u16, u32 } from '../../../base/layout';
import type { DmaAddr, PhysAddr } from '../../../base/address';
import type { StructDevice } from '../../../kernel-api/base/struct-device';
import * as ostd from '../../../kernel-api/ostd';
declare const dev: StructDevice;
declare const segment: ostd.USegment;
declare const to: ostd.DmaStream<ostd.ToDevice>;
declare const from: ostd.DmaStream<ostd.FromDevice>;
declare const both: ostd.DmaStream<ostd.FromAndToDevice>;
declare const coherent: ostd.DmaCoherent;
declare const bytes: Uint8Array;
export { u16, u32, dev, segment, to, from, both, coherent, bytes, type DmaAddr, type PhysAddr };
`;

/** Statements that compile. */
const ACCEPTED: readonly string[] = [
  'const a: ostd.DmaStream<ostd.ToDevice> = ostd.DmaStream.alloc(dev, ostd.ToDevice, 1, true);',
  'const a: ostd.DmaStream<ostd.FromAndToDevice> = ostd.DmaStream.alloc(dev, ostd.FromAndToDevice, 1);',
  'const a: ostd.DmaStream<ostd.FromDevice> = ostd.DmaStream.allocUninit(dev, ostd.FromDevice, 1);',
  'const a: ostd.DmaStream<ostd.FromDevice> = ostd.DmaStream.map(dev, ostd.FromDevice, segment, false);',
  'to.syncToDevice(0, 1); both.syncToDevice(0, 1); both.syncFromDevice(0, 1); from.syncFromDevice(0, 1);',
  'from.reader().readVal(u32); both.reader(); both.writer(); to.writer().writeVal(u32, 1);',
  'from.readBytes(0, bytes); to.writeBytes(0, bytes); both.readVal(0, u16); both.fillZeros(0, 1);',
  'const [low, high]: [ostd.DmaStream<ostd.ToDevice>, ostd.DmaStream<ostd.ToDevice>] = to.split(4096);',
  'const [low, high]: [ostd.DmaCoherent, ostd.DmaCoherent] = coherent.split(4096);',
  'const a: DmaAddr = both.daddr(); const p: PhysAddr = both.paddr(); const n: number = both.size();',
  'using a = both; using b = coherent; using c = segment;',
  'coherent.readOnce(0, u32); coherent.writeOnce(0, u32, 1); segment.reader(); segment.writer();',
  'const f = <D extends ostd.DmaDirection>(s: ostd.DmaStream<D>): DmaAddr => s.daddr();',
  'const f = (s: ostd.DmaStream<ostd.FromDeviceDirection>) => s.syncFromDevice(0, 1); f(from); f(both);',
  'const f = (s: ostd.DmaStream<ostd.ToDeviceDirection>) => s.syncToDevice(0, 1); f(to); f(both);',
  'const f = (s: ostd.DmaStream<ostd.DmaDirection>): boolean => s.direction.canReadFromDevice; f(to); f(from); f(both);',
];

/** Statements that must not compile, and what the compiler has to say about each. */
const REJECTED: readonly (readonly [statement: string, error: RegExp])[] = [
  ['ostd.DmaStream.alloc(dev, ostd.FromDevice, 1);', /'FromDevice' is not assignable to .*'ToDeviceDirection'/],
  ['to.syncFromDevice(0, 1);', /'this' context of type 'DmaStream<ToDevice>'/],
  ['from.syncToDevice(0, 1);', /'this' context of type 'DmaStream<FromDevice>'/],
  ['to.reader();', /'this' context of type 'DmaStream<ToDevice>'/],
  ['from.writer();', /'this' context of type 'DmaStream<FromDevice>'/],
  ['to.readBytes(0, bytes);', /'this' context/],
  ['to.readVal(0, u32);', /'this' context/],
  ['to.readOnce(0, u32);', /'this' context/],
  ['to.readSlice(0, u32, 1);', /'this' context/],
  ['from.writeBytes(0, bytes);', /'this' context/],
  ['from.writeVal(0, u32, 1);', /'this' context/],
  ['from.writeOnce(0, u32, 1);', /'this' context/],
  ['from.fillZeros(0, 1);', /'this' context/],
  ['const a: ostd.DmaStream<ostd.FromDevice> = to;', /not assignable to type 'DmaStream<FromDevice>'/],
  ['const a: ostd.DmaStream<ostd.ToDevice> = both;', /not assignable to type 'DmaStream<ToDevice>'/],
  ['ostd.DmaStream.map(dev, ostd.ToDevice, bytes);', /not assignable to parameter of type 'USegment'/],
  ['ostd.DmaStream.alloc(ostd.ToDevice, 1, true);', /not assignable|Expected/],
  [
    "ostd.DmaStream.allocUninit(dev, { name: 'ToDevice', canReadFromDevice: false, canWriteToDevice: true, dataDirection: 1 }, 1);",
    /sealed/,
  ],
  ['const [low]: [ostd.DmaStream<ostd.FromDevice>, unknown] = to.split(4096);', /not assignable/],
  ['coherent.syncToDevice(0, 1);', /'syncToDevice' does not exist/],
  ['segment.daddr();', /'daddr' does not exist/],
  ['new ostd.DmaCoherent();', /Constructor of class 'DmaCoherent' is private/],
  ['const p: PhysAddr = both.daddr();', /not assignable to type 'PhysAddr'/],
  ["coherent.writeVal(0, u32, '1');", /not assignable to parameter of type 'number'/],
];

const diagnose = (source: string): readonly ts.Diagnostic[] => {
  const config = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)).config as object;
  const raw = (config as { compilerOptions: object }).compilerOptions;
  const relaxed = { ...raw, noUnusedLocals: false, incremental: false, types: [], tsBuildInfoFile: null };
  const { options } = ts.convertCompilerOptionsFromJson(relaxed, ROOT);
  const host = ts.createCompilerHost(options);
  const readFile = host.readFile.bind(host);
  const fileExists = host.fileExists.bind(host);
  host.readFile = (path) => (path === CASES ? source : readFile(path));
  host.fileExists = (path) => path === CASES || fileExists(path);
  const program = ts.createProgram([CASES], options, host);
  const file = program.getSourceFile(CASES)!;
  return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
};

describe('the types of kernel-api/ostd, as the compiler sees them', () => {
  const statements = [...ACCEPTED, ...REJECTED.map(([statement]) => statement)];
  const firstLine = PRELUDE.split('\n').length - 1;
  const source =
    PRELUDE + statements.map((statement, i) => `export const case${i} = () => { ${statement} };`).join('\n');
  let diagnostics: readonly ts.Diagnostic[];
  before(() => {
    diagnostics = diagnose(source);
  });

  const lineOf = ({ file, start }: ts.Diagnostic): number => file!.getLineAndCharacterOfPosition(start!).line;
  const about = (line: number): string =>
    diagnostics
      .filter((diagnostic) => lineOf(diagnostic) === line)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
      .join(' | ');

  it('the prelude and what should compile', () => {
    const wrong = [...PRELUDE.split('\n').slice(0, firstLine), ...ACCEPTED].flatMap((statement, line) =>
      about(line) === '' ? [] : [`${statement} says: ${about(line)}`],
    );
    expect(wrong).to.deep.equal([]);
  });

  it('what must not, for its reason', () => {
    const wrong = REJECTED.flatMap(([statement, error], i) => {
      const said = about(firstLine + ACCEPTED.length + i);
      return error.test(said) ? [] : [`${statement} says: ${said || 'nothing'}`];
    });
    expect(wrong).to.deep.equal([]);
  });
});
