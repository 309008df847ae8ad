import { spawnSync } from 'node:child_process';

/** What a run of `dtc` gave. */
export interface DtcResult {
  readonly status: number | null;
  readonly output: Buffer;
  /** Errors and warnings. */
  readonly messages: string;
}

/** Debian's device tree compiler on bytes or text, between the formats `dtb` and `dts`. */
export const dtc = (from: string, to: string, input: string | Uint8Array, ...options: string[]): DtcResult => {
  const { status, stdout, stderr } = spawnSync('dtc', ['-I', from, '-O', to, ...options, '-'], { input });
  return { status, output: stdout, messages: String(stderr) };
};

/** Whether `dtc` is installed here. */
export const hasDtc = (): boolean => spawnSync('dtc', ['--version']).status === 0;

/** The checks that `dtc` has beyond its usual ones and that apply to any tree. */
export const DTC_STRICT = [
  'node_name_chars_strict',
  'property_name_chars_strict',
  'unique_unit_address_if_enabled',
].flatMap((check) => ['-W', check]);
