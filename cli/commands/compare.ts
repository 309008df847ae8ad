import fs from 'node:fs';
import { LabError } from '../../base/errors';
import type { Candidate } from '../../lab/compare/candidate';
import { measureFormat, type FormatResult } from '../../lab/compare/compare';
import type { FormatFigures } from '../../lab/compare/figures';
import type { ComparedMachine } from '../../lab/compare/machine';
import type { Traffic } from '../../lab/compare/traffic';
import { RamPool } from '../../lab/ram-pool';
import { findCandidate } from '../compare/candidates';
import { machineOf, sizesText, trafficOf, type CompareCommandOptions } from '../compare/options';
import { busReadsPerByte, descriptorBytesPerByte, throughput } from '../compare/rows';
import { drawSvg } from '../compare/svg';
import { tableText } from '../compare/table';
import { ExitCode } from '../exit-code';
import { packageVersion } from '../installation';
import { createOutputFile } from '../output-file';
import { count } from '../report/units';
import { terminalOf } from '../report/terminal';
import { UsageError } from '../usage-error';
import { fullHostTurn } from '../worker/host-turn';

/** The layout of `--json`. */
const JSON_FORMAT = 1;

/** What was sent, and on which machine, in two lines. */
const describe = (traffic: Traffic, machine: ComparedMachine, seed: number): string[] => {
  const { requests, sizes, depth, scatter } = traffic;
  const pieces = scatter === 'pages' ? 'page by page' : `in ${count(scatter, 'piece')}`;
  const { translation, coherent, engine } = machine;
  const set = Object.entries(engine).map(([name, value]) => `${name} ${value}`);
  return [
    `${count(requests, 'request')} of ${sizesText(sizes)}, ${pieces}, ${depth} at a time`,
    [`translation ${translation}`, coherent ? 'coherent' : 'not coherent', ...set, `seed ${seed}`].join(', '),
  ];
};

const jsonOf = (results: readonly FormatResult[], traffic: Traffic, machine: ComparedMachine, seed: number): string => {
  const formats = results.map((result) => {
    if (!('figures' in result)) return { ...result, status: result.kind };
    const { figures } = result;
    const derived = {
      descriptorBytesPerPayloadByte: descriptorBytesPerByte(figures),
      busReadsPerPayloadByte: busReadsPerByte(figures),
      bytesPerNanosecond: throughput(figures),
    };
    return { status: 'measured', ...figures, ...derived };
  });
  const all = { format: JSON_FORMAT, dmalab: packageVersion(), seed, traffic, machine, formats };
  return `${JSON.stringify(all, null, 2)}\n`;
};

const measureAll = async (
  candidates: readonly Candidate[],
  traffic: Traffic,
  machine: ComparedMachine,
  seed: number,
): Promise<FormatResult[]> => {
  const results: FormatResult[] = [];
  const host = { seed, hostTurn: fullHostTurn, ramPool: new RamPool() };
  for (const candidate of candidates) {
    try {
      results.push(await measureFormat(candidate, traffic, machine, host));
    } catch (error) {
      if (error instanceof LabError) throw new UsageError(`${candidate.name}: ${error.message}`);
      throw error;
    }
  }
  return results;
};

/** The figures, and below them what could not be measured. */
const print = (results: readonly FormatResult[], figures: readonly FormatFigures[], lines: readonly string[]): void => {
  const terminal = terminalOf(process.stdout);
  terminal.write(`\n${lines.map((line) => `  ${line}\n`).join('')}\n`);
  if (figures.length > 0) terminal.write(`${tableText(figures, terminal)}\n`);
  for (const result of results) {
    if ('figures' in result) continue;
    const what = result.kind === 'failed' ? 'failed' : 'cannot carry this';
    terminal.write(`  ${terminal.colors.red('✗')} ${result.name} ${what}: ${result.problem}\n\n`);
  }
};

const exitCodeOf = (results: readonly FormatResult[]): number => {
  const kinds = results.map((result) => ('figures' in result ? 'measured' : result.kind));
  if (kinds.includes('uncarried')) return ExitCode.unusable;
  return kinds.includes('failed') ? ExitCode.failed : ExitCode.passed;
};

/** `dmalab compare`: the same traffic through several formats. The result is the exit code. */
export const compareCommand = async (targets: readonly string[], options: CompareCommandOptions): Promise<number> => {
  const traffic = trafficOf(options);
  const machine = machineOf(options);
  const candidates = targets.map(findCandidate);
  const svgFile = options.svg === undefined ? undefined : createOutputFile('--svg', options.svg, targets);
  const { seed } = options;
  const results = await measureAll(candidates, traffic, machine, seed);
  const figures = results.flatMap((result) => ('figures' in result ? [result.figures] : []));
  const lines = describe(traffic, machine, seed);
  if (options.json === true) process.stdout.write(jsonOf(results, traffic, machine, seed));
  else print(results, figures, lines);
  if (svgFile !== undefined && figures.length > 0) {
    fs.writeFileSync(svgFile, drawSvg(figures, { title: 'Descriptor formats compared', lines }));
  }
  return exitCodeOf(results);
};
