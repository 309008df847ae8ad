import fs from 'node:fs';
import type { MatrixCase, TraceRecord } from '../../index';
import { plainFields } from './plain-value';

const BUFFER_CHARACTERS = 16_384;

/** Appends the events of one run to a file, one line of JSON each. */
export class TraceWriter {
  private readonly file: number;
  private readonly heading: object;
  private buffer = '';

  constructor(path: string, scenario: string, matrixCase: MatrixCase) {
    this.file = fs.openSync(path, 'a');
    this.heading = Object.keys(matrixCase).length === 0 ? { scenario } : { scenario, case: matrixCase };
  }

  /** To be subscribed to the trace. */
  readonly add = ({ ordinal, time, event }: TraceRecord): void => {
    const line = { ...this.heading, ordinal, time, ...plainFields(event) };
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
