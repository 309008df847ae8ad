import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { hostTurn } from './host';
import { Machine } from '../lab/machine';
import { compare, figure, timed, wallTime, type Figure } from './measure';

const MEMORY_PAGES = (128 << 20) / 0x1_0000;

const memorySample = (): number =>
  timed(() => {
    const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES });
    new Uint8Array(memory.buffer)[0] = 1;
  });

const machineSample = async (): Promise<number> => {
  const start = wallTime();
  await new Machine({}, { hostTurn }).run(() => undefined);
  return wallTime() - start;
};

/** A default machine, made and booted, in milliseconds. */
export const machineCreate = async (): Promise<Figure[]> => {
  const { value, baseline } = await compare(machineSample, memorySample, 31);
  return [figure('machine-create', 'ms', value / 1e6, baseline / 1e6, 'its memory alone')];
};

/** Nanoseconds that `node` takes with these arguments. */
const nodeSample = (args: readonly string[]): number =>
  timed(() => {
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`node ${args.join(' ')} failed: ${stderr}`);
  });

/** All shipped scenarios through the command line, start-up included, in seconds. */
export const scenariosTotal = async (): Promise<Figure[]> => {
  const cli = path.join(__dirname, '..', 'cli', 'main.js');
  const { value, baseline } = await compare(
    () => nodeSample([cli, 'run']),
    () => nodeSample(['-e', '0']),
    3,
    1,
  );
  return [figure('scenarios-total', 's', value / 1e9, baseline / 1e9, 'starting node')];
};
