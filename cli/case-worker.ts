import { Worker } from 'node:worker_threads';
import { installation } from './installation';
import type { Place } from './problem';
import type * as stuckPlaceModule from './stuck-place';
import type { Answer, FromWorker, LogRecord, Request, WorkerSettings } from './worker/protocol';

/** The thread ended before it answered. */
export interface LostAnswer {
  readonly type: 'lost';
  readonly why: 'timeout' | 'memory' | 'crash';
  readonly detail: string;
  /** The author's line that was being executed. */
  readonly place?: Place | undefined;
}

/** How a worker is set up and watched. */
export interface CaseWorkerOptions extends WorkerSettings {
  /** Wall-clock limit of each request, in seconds; compiling does not count. */
  readonly timeoutSeconds: number;
  /** JavaScript heap of the thread, in MiB. */
  readonly heapMebibytes: number;
  /** Receives what scenarios print. */
  readonly onOutput: (text: string) => void;
  readonly onLog: (record: LogRecord) => void;
}

const lost = (error: Error): LostAnswer => {
  const { code } = error as NodeJS.ErrnoException;
  return { type: 'lost', why: code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'memory' : 'crash', detail: error.message };
};

/**
 * The thread in which scenarios are loaded and run, one after another, and the watchdog over it. A thread that does not
 * answer in time, or that dies, is replaced for the next request.
 */
export class CaseWorker {
  private readonly options: CaseWorkerOptions;
  private worker: Worker | null = null;
  private waiting: ((answer: Answer | LostAnswer) => void) | null = null;
  private watchdog: NodeJS.Timeout | undefined;

  constructor(options: CaseWorkerOptions) {
    this.options = options;
  }

  /** Asks for one thing. Never rejects: a thread that is lost is an answer. Requests must not overlap. */
  ask(request: Request): Promise<Answer | LostAnswer> {
    this.worker ??= this.start();
    const answer = new Promise<Answer | LostAnswer>((resolve) => {
      this.waiting = resolve;
    });
    this.arm();
    this.worker.postMessage(request);
    return answer;
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    clearTimeout(this.watchdog);
    await this.worker?.terminate();
    this.worker = null;
  }

  private start(): Worker {
    const { typecheck, logLevel, heapMebibytes } = this.options;
    const worker = new Worker(installation.workerMain, {
      workerData: { typecheck, logLevel } satisfies WorkerSettings,
      resourceLimits: { maxOldGenerationSizeMb: heapMebibytes },
    });
    const onlyIfCurrent =
      <T>(handle: (argument: T) => void) =>
      (argument: T): void => {
        if (this.worker === worker) handle(argument);
      };
    worker.on(
      'message',
      onlyIfCurrent((message: FromWorker) => this.receive(message)),
    );
    worker.on(
      'error',
      onlyIfCurrent((error: Error) => this.abandon(lost(error))),
    );
    worker.on(
      'exit',
      onlyIfCurrent((code: number) => this.abandon(lost(new Error(`its thread ended with code ${code}`)))),
    );
    return worker;
  }

  private receive(message: FromWorker): void {
    switch (message.type) {
      case 'compiling':
        clearTimeout(this.watchdog);
        break;
      case 'compiled':
        this.arm();
        break;
      case 'output':
        this.options.onOutput(message.text);
        break;
      case 'log':
        this.options.onLog(message.record);
        break;
      default:
        this.settle(message);
    }
  }

  private arm(): void {
    clearTimeout(this.watchdog);
    const { timeoutSeconds } = this.options;
    this.watchdog = setTimeout(() => void this.expire(), timeoutSeconds * 1000);
  }

  /** From here on nothing that the thread still sends counts. */
  private async expire(): Promise<void> {
    const { worker } = this;
    this.worker = null;
    if (worker === null) return;
    const place = await (module.require('./stuck-place') as typeof stuckPlaceModule).stuckPlace(worker);
    await worker.terminate();
    const detail = `no answer after ${this.options.timeoutSeconds} s`;
    this.settle({ type: 'lost', why: 'timeout', detail, place });
  }

  private abandon(answer: LostAnswer): void {
    void this.worker?.terminate();
    this.worker = null;
    this.settle(answer);
  }

  private settle(answer: Answer | LostAnswer): void {
    clearTimeout(this.watchdog);
    const { waiting } = this;
    this.waiting = null;
    waiting?.(answer);
  }
}
