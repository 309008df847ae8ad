import { parentPort, workerData } from 'node:worker_threads';
import { forbidExit, RedirectedOutput, silenceNode, StrayErrors } from './containment';
import { RamPool, type Scenario } from '../../index';
import { matrixValues } from '../../lab/matrix/check-matrix';
import { expandMatrix } from '../../lab/matrix/expand';
import { caseName } from '../../lab/matrix/case-name';
import { cardOf } from '../museum/exhibit-card';
import { fullHostTurn } from './host-turn';
import { KernelLog } from './kernel-log';
import { describeLoadError, describeThrown } from './load-problem';
import { loadScenario } from './load-scenario';
import type { Answer, FromWorker, LoadRequest, Request, RunRequest, WorkerSettings } from './protocol';
import { plainText } from './plain-value';
import { runCase } from './run-case';
import { TraceWriter } from './trace-writer';
import { installTypeScriptLoader } from './typescript-loader';

/** Deep enough to get from the innards of the kernel back to the scenario. */
const STACK_FRAMES = 64;

const port = parentPort!;
const settings = workerData as WorkerSettings;
const send = (message: FromWorker): void => port.postMessage(message);

const load = async ({ file, selected }: LoadRequest): Promise<Answer> => {
  const loaded = loadScenario(file);
  await fullHostTurn();
  const stray = strays.take();
  const { scenario } = loaded;
  if (scenario === undefined) return { type: 'refused', ...loaded };
  if (stray !== undefined) return { type: 'refused', problems: describeLoadError(stray.error, file) };
  const { name, description = '', machine = {} } = scenario;
  const matrix = matrixValues(scenario.matrix ?? {});
  const expansion = selected === null ? { cases: [{}], leftOut: [] } : expandMatrix(matrix, selected, machine);
  const exhibit = cardOf(scenario);
  const card = exhibit === undefined ? {} : { exhibit };
  return { type: 'loaded', name, description: plainText(description), matrix, ...card, ...expansion };
};

/** A scenario whose machine has another limit of simulated time. */
const limited = (scenario: Scenario, timeLimit: number | null): Scenario =>
  timeLimit === null ? scenario : { ...scenario, machine: { ...scenario.machine, timeLimit } };

const run = async (request: RunRequest): Promise<Answer> => {
  const { file, case: matrixCase, seed, sanitize, timeLimit, traceFile, dumpAt } = request;
  const { scenario, problems } = loadScenario(file);
  if (scenario === undefined) return { type: 'refused', problems };
  const log = new KernelLog(caseName(scenario.name, matrixCase), settings.logLevel, (record) =>
    send({ type: 'log', record }),
  );
  const trace = traceFile === null ? undefined : new TraceWriter(traceFile, scenario.name, matrixCase);
  return runCase({
    scenario: limited(scenario, timeLimit),
    matrixCase,
    seed,
    sanitize,
    log,
    trace,
    dumpAt,
    strays,
    output,
    ramPool,
  });
};

/** Anything that went wrong on the way is an answer, too: the command waits for one. */
const answer = async (request: Request): Promise<void> => {
  try {
    send(await (request.type === 'load' ? load(request) : run(request)));
  } catch (error) {
    send({ type: 'refused', problems: [{ file: request.file, message: describeThrown(error) }] });
  }
};

Error.stackTraceLimit = STACK_FRAMES;
forbidExit();
silenceNode();
const output = new RedirectedOutput((text) => send({ type: 'output', text }));
const strays = new StrayErrors();
/** Cases run one after another. */
const ramPool = new RamPool();
installTypeScriptLoader(settings.typecheck, (busy) => send({ type: busy ? 'compiling' : 'compiled' }));
port.on('message', (request: Request) => void answer(request));
