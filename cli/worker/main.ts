import { parentPort, workerData } from 'node:worker_threads';
import { forbidExit, redirectOutput, silenceNode, StrayErrors } from './containment';
import { fullHostTurn } from './host-turn';
import { KernelLog } from './kernel-log';
import { describeLoadError, describeThrown } from './load-problem';
import { loadScenario } from './load-scenario';
import type { Answer, FromWorker, Request, WorkerSettings } from './protocol';
import { plainText } from './plain-value';
import { runCase } from './run-case';
import { TraceWriter } from './trace-writer';
import { installTypeScriptLoader } from './typescript-loader';

/** Deep enough to get from the innards of the kernel back to the scenario. */
const STACK_FRAMES = 64;

const port = parentPort!;
const settings = workerData as WorkerSettings;
const send = (message: FromWorker): void => port.postMessage(message);

const load = async (file: string): Promise<Answer> => {
  const { scenario, problems } = loadScenario(file);
  await fullHostTurn();
  const stray = strays.take();
  if (scenario === undefined) return { type: 'refused', problems };
  if (stray !== undefined) return { type: 'refused', problems: describeLoadError(stray.error, file) };
  const { name, description = '' } = scenario;
  return { type: 'loaded', name, description: plainText(description) };
};

const run = async (request: Extract<Request, { type: 'run' }>): Promise<Answer> => {
  const { file, seed, traceFile } = request;
  const { scenario, problems } = loadScenario(file);
  if (scenario === undefined) return { type: 'refused', problems };
  const log = new KernelLog(scenario.name, settings.logLevel, (record) => send({ type: 'log', record }));
  const trace = traceFile === null ? undefined : new TraceWriter(traceFile, scenario.name);
  return runCase({ scenario, seed, log, trace, strays });
};

/** Anything that went wrong on the way is an answer, too: the command waits for one. */
const answer = async (request: Request): Promise<void> => {
  try {
    send(await (request.type === 'load' ? load(request.file) : run(request)));
  } catch (error) {
    send({ type: 'refused', problems: [{ file: request.file, message: describeThrown(error) }] });
  }
};

Error.stackTraceLimit = STACK_FRAMES;
forbidExit();
silenceNode();
redirectOutput((text) => send({ type: 'output', text }));
const strays = new StrayErrors();
installTypeScriptLoader(settings.typecheck, (busy) => send({ type: busy ? 'compiling' : 'compiled' }));
port.on('message', (request: Request) => void answer(request));
