import { LabError } from '../../index';

/** What a scenario did behind the back of its own promise, until somebody asks. */
export class StrayErrors {
  private readonly errors: unknown[] = [];

  /** Collects rejections that nobody handles and exceptions of host callbacks, which would end the thread otherwise. */
  constructor() {
    process.on('unhandledRejection', (reason) => this.errors.push(reason));
    process.on('uncaughtException', (error) => this.errors.push(error));
  }

  /** The first since the last call, with the others forgotten. */
  take(): { readonly error: unknown } | undefined {
    const [first] = this.errors.splice(0).map((error) => ({ error }));
    return first;
  }
}

/** Node's own warnings are about its module loader, which is not in use here. */
export const silenceNode = (): void => void process.removeAllListeners('warning');

/** A scenario that ends the process would look like one that passed. */
export const forbidExit = (): void => {
  process.exit = (code) => {
    throw new LabError(`process.exit(${code ?? ''}) in a scenario: it passes by returning and fails by throwing`);
  };
};

/**
 * Sends what a scenario prints to the command at once: the thread's own streams would hold it back until the scenario
 * lets the event loop turn.
 */
export class RedirectedOutput {
  /** What is printed is lost: it was printed before. */
  muted = false;

  constructor(send: (text: string) => void) {
    for (const stream of [process.stdout, process.stderr]) {
      stream.write = (chunk: Uint8Array | string, ...rest: unknown[]): boolean => {
        if (!this.muted) send(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString());
        const done = rest.find((argument) => typeof argument === 'function');
        if (done !== undefined) process.nextTick(done);
        return true;
      };
    }
  }
}
