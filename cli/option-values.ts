import type { DumpMoment } from '../lab/dump-moment';
import { isReportId } from '../lab/sanitizer/catalogue';
import { LOG_LEVELS, type LogLevel } from './log-level';
import { UsageError } from './usage-error';

const MAX_SEED = 0xffff_ffff;
/** The longest delay that a host timer keeps, in seconds. */
const MAX_TIMEOUT = 2_147_483;
/** The longest that a machine runs, in simulated milliseconds: it counts nanoseconds exactly. */
const MAX_TIME_LIMIT = Math.floor(Number.MAX_SAFE_INTEGER / 1e6);

const wrong = (option: string, expected: string, text: string): UsageError =>
  new UsageError(`${option} takes ${expected}, not '${text}'`);

/** `--seed`: a whole number of 32 bits, decimal or hexadecimal. */
export const parseSeed = (text: string): number => {
  const seed = /^(?:\d+|0x[0-9a-f]+)$/i.test(text) ? Number(text) : NaN;
  if (seed >= 0 && seed <= MAX_SEED) return seed;
  throw wrong('--seed', `a whole number from 0 to ${MAX_SEED}`, text);
};

/** `--timeout`: seconds, fractions allowed. */
export const parseTimeout = (text: string): number => {
  const seconds = /^\d*\.?\d+$/.test(text) ? Number(text) : NaN;
  if (seconds > 0 && seconds <= MAX_TIMEOUT) return seconds;
  throw wrong('--timeout', `a number of seconds above 0, at most ${MAX_TIMEOUT}`, text);
};

/** `--time-limit`: simulated milliseconds, fractions allowed. */
export const parseTimeLimit = (text: string): number => {
  const milliseconds = /^\d*\.?\d+$/.test(text) ? Number(text) : NaN;
  if (milliseconds > 0 && milliseconds <= MAX_TIME_LIMIT) return milliseconds;
  throw wrong('--time-limit', `a number of simulated milliseconds above 0, at most ${MAX_TIME_LIMIT}`, text);
};

/** `--memory`: MiB of JavaScript heap for the scenarios. */
export const parseMemory = (text: string): number => {
  const mebibytes = /^\d+$/.test(text) ? Number(text) : NaN;
  if (mebibytes >= 16 && mebibytes <= 65_536) return mebibytes;
  throw wrong('--memory', 'a whole number of MiB from 16 to 65536', text);
};

/** `--jobs`: threads. */
export const parseJobs = (text: string): number => {
  const jobs = /^\d+$/.test(text) ? Number(text) : NaN;
  if (jobs >= 1 && jobs <= 256) return jobs;
  throw wrong('--jobs', 'a whole number from 1 to 256', text);
};

/** `--log-level`. */
export const parseLogLevel = (text: string): LogLevel => {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level !== undefined) return level;
  throw wrong('--log-level', `one of ${LOG_LEVELS.join(', ')}`, text);
};

/** `--at-address`: an unsigned number of 64 bits. */
export const parseAddress = (text: string): bigint => {
  const address = /^(?:\d+|0x[0-9a-f]+)$/i.test(text) ? BigInt(text) : -1n;
  if (address >= 0n && address < 1n << 64n) return address;
  throw wrong('--at-address', 'an address of 64 bits, decimal or with 0x', text);
};

const NANOSECONDS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };

/** `--at`: `end`, a simulated time with its unit, `event:<number>`, `report`, or `report:<id>`. */
export const parseMoment = (text: string): DumpMoment => {
  if (text === 'end') return { kind: 'end' };
  const [, ordinal] = /^event:(\d+)$/.exec(text) ?? [];
  if (ordinal !== undefined) return { kind: 'event', ordinal: Number(ordinal) };
  if (text === 'report') return { kind: 'report' };
  const [, id] = /^report:(.+)$/.exec(text) ?? [];
  if (id !== undefined && isReportId(id)) return { kind: 'report', id };
  if (id !== undefined) throw new UsageError(`--at ${text}: there is no report '${id}'; docs/reports.md lists them`);
  const [, number, unit] = /^(\d*\.?\d+)(ns|us|ms|s)$/.exec(text) ?? [];
  if (number !== undefined) return { kind: 'time', time: Number(number) * NANOSECONDS[unit!]! };
  throw wrong('--at', "'end', a simulated time like 1.5ms or 300ns, 'event:<number>', 'report' or 'report:<id>'", text);
};

/** Which scenarios `--filter` keeps. */
export interface NameFilter {
  /** As it was written. */
  readonly text: string;
  readonly keeps: (name: string) => boolean;
}

/** `--filter`: a part of the name, or a regular expression between slashes. */
export const parseFilter = (text: string): NameFilter => {
  const [, source, flags] = /^\/(.*)\/([a-z]*)$/.exec(text) ?? [];
  if (source === undefined) return { text, keeps: (name) => name.includes(text.toLowerCase()) };
  try {
    const pattern = new RegExp(source, flags?.replaceAll(/[gy]/g, ''));
    return { text, keeps: (name) => pattern.test(name) };
  } catch (error) {
    throw new UsageError(`--filter ${text}: ${(error as Error).message}`);
  }
};
