import type { Logger } from '../../index';
import { isShown, type LogLevel } from '../log-level';
import { plainFields } from './plain-value';
import type { LogRecord } from './protocol';

/** How many messages a failed scenario's report shows. */
const KEPT_MESSAGES = 8;

/** The logger of one run: passes on what the user wants to see, and keeps the last warnings and errors. */
export class KernelLog implements Logger {
  private readonly scenario: string;
  private readonly threshold: LogLevel;
  private readonly send: (record: LogRecord) => void;
  private readonly kept: { readonly text: string; times: number }[] = [];

  constructor(scenario: string, threshold: LogLevel, send: (record: LogRecord) => void) {
    this.scenario = scenario;
    this.threshold = threshold;
    this.send = send;
  }

  /** The last warnings and errors, oldest first; repetitions are counted. */
  get lastMessages(): readonly string[] {
    return this.kept.map(({ text, times }) => (times === 1 ? text : `${text} (${times} times)`));
  }

  error(fields: object, message: string): void {
    this.add('error', fields, message);
  }

  warn(fields: object, message: string): void {
    this.add('warn', fields, message);
  }

  info(fields: object, message: string): void {
    this.add('info', fields, message);
  }

  debug(fields: object, message: string): void {
    this.add('debug', fields, message);
  }

  private add(level: LogRecord['level'], fields: object, message: string): void {
    if (isShown(level, 'warn')) this.keep(fields, message);
    if (isShown(level, this.threshold))
      this.send({ level, scenario: this.scenario, fields: plainFields(fields), message });
  }

  private keep({ device }: { readonly device?: unknown }, message: string): void {
    const text = typeof device === 'string' ? `${device}: ${message}` : message;
    const last = this.kept.at(-1);
    if (last?.text === text) {
      last.times++;
      return;
    }
    if (this.kept.length === KEPT_MESSAGES) this.kept.shift();
    this.kept.push({ text, times: 1 });
  }
}
