import fs from 'node:fs';
import type { TraceRecord } from '../../index';
import { plainFields } from './plain-value';

const BUFFER_CHARACTERS = 16_384;

/** Appends the events of one run to a file, one line of JSON each. */
export class TraceWriter {
  private readonly file: number;
  private readonly scenario: string;
  private buffer = '';

  constructor(path: string, scenario: string) {
    this.file = fs.openSync(path, 'a');
    this.scenario = scenario;
  }

  /** To be subscribed to the trace. */
  readonly add = ({ ordinal, time, event }: TraceRecord): void => {
    const line = { scenario: this.scenario, ordinal, time, ...plainFields(event) };
    this.buffer += `${JSON.stringify(line)}\n`;
    if (this.buffer.length >= BUFFER_CHARACTERS) this.flush();
  };

  close(): void {
    this.flush();
    fs.closeSync(this.file);
  }

  private flush(): void {
    fs.writeSync(this.file, this.buffer);
    this.buffer = '';
  }
}
