import { Session, type NodeWorker, type Debugger } from 'node:inspector';
import type { Worker } from 'node:worker_threads';
import type { Place } from './problem';
import { isAuthored, scriptFile, toSource } from './source-position';

/** A thread in compiled code without loops (a regular expression, say) does not stop for a debugger. */
const PATIENCE_MILLISECONDS = 5000;
/** Between two steps of the author's, a thread may be found in Node's own code. */
const MAX_ATTEMPTS = 20;

type Message =
  | { readonly method: 'Debugger.scriptParsed'; readonly params: Debugger.ScriptParsedEventDataType }
  | { readonly method: 'Debugger.paused'; readonly params: Debugger.PausedEventDataType }
  | { readonly method?: undefined };

/** The scripts of a thread by the debugger's name for them. */
type Scripts = Map<string, Debugger.ScriptParsedEventDataType>;

const firstAuthored = ({ callFrames }: Debugger.PausedEventDataType, scripts: Scripts): Place | undefined => {
  for (const { location } of callFrames) {
    const script = scripts.get(location.scriptId);
    const file = script && scriptFile(script.url);
    if (file === undefined || !isAuthored(file)) continue;
    const place = { file, line: location.lineNumber + 1, column: (location.columnNumber ?? 0) + 1 };
    return toSource(place, script?.sourceMapURL ?? '');
  }
  return undefined;
};

/** A debugger's connection to one thread. */
class ThreadDebugger {
  private readonly session = new Session();
  private readonly scripts: Scripts = new Map();
  private sessionId = '';
  private lastId = 0;
  private attempts = 0;

  /** Stops the thread as soon as it executes something, and tells where that is. */
  connect(threadId: number, onPlace: (place: Place | undefined) => void): void {
    const { session } = this;
    session.connect();
    session.on('NodeWorker.attachedToWorker', ({ params }: { params: NodeWorker.AttachedToWorkerEventDataType }) => {
      // Its `workerId` counts within this session; only the title has the number that the rest of Node uses.
      if (!params.workerInfo.title.startsWith(`[worker ${threadId}]`)) return;
      this.sessionId = params.sessionId;
      this.send('Debugger.enable');
      this.send('Debugger.pause');
    });
    session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
      if (params.sessionId === this.sessionId) this.receive(JSON.parse(params.message) as Message, onPlace);
    });
    session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  }

  /** Lets the thread go. */
  disconnect(): void {
    if (this.sessionId !== '') {
      this.send('Debugger.resume');
      this.session.post('NodeWorker.detach', { sessionId: this.sessionId });
    }
    this.session.disconnect();
  }

  private look(state: Debugger.PausedEventDataType, onPlace: (place: Place | undefined) => void): void {
    const place = firstAuthored(state, this.scripts);
    if (place !== undefined || ++this.attempts === MAX_ATTEMPTS) {
      onPlace(place);
      return;
    }
    this.send('Debugger.resume');
    this.send('Debugger.pause');
  }

  private send(method: string): void {
    const message = JSON.stringify({ id: ++this.lastId, method });
    this.session.post('NodeWorker.sendMessageToWorker', { sessionId: this.sessionId, message });
  }

  private receive(message: Message, onPlace: (place: Place | undefined) => void): void {
    if (message.method === 'Debugger.paused') this.look(message.params, onPlace);
    if (message.method === 'Debugger.scriptParsed') this.scripts.set(message.params.scriptId, message.params);
  }
}

/**
 * Finds the author's line that a thread is executing, also if it never yields. Resolves with undefined if there is none, or
 * if the thread does not stop. Never rejects.
 */
export const stuckPlace = async (worker: Worker): Promise<Place | undefined> => {
  const connection = new ThreadDebugger();
  let patience: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Place | undefined>((resolve) => {
      patience = setTimeout(() => resolve(undefined), PATIENCE_MILLISECONDS);
      connection.connect(worker.threadId, resolve);
    });
  } catch {
    return undefined; // a Node without its inspector, or one that is being debugged
  } finally {
    clearTimeout(patience);
    connection.disconnect();
  }
};
