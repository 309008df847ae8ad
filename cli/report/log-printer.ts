import type pino from 'pino';
import type pretty from 'pino-pretty';
import type { LogRecord } from '../worker/protocol';
import { formatTime } from './units';

type Print = (record: LogRecord) => void;

const createLogger = (colorize: boolean): pino.Logger => {
  const createPino = module.require('pino') as typeof pino;
  const createPretty = module.require('pino-pretty') as typeof pretty;
  const stream = createPretty({ destination: 2, sync: true, colorize, singleLine: true, ignore: 'pid,hostname' });
  return createPino({ level: 'debug', base: null, timestamp: false }, stream);
};

/** Writes the kernel's messages to standard error. The logger is loaded with the first message. */
export const logPrinter = (colorize: boolean): Print => {
  let logger: pino.Logger | undefined;
  return ({ level, scenario, fields, message }) => {
    logger ??= createLogger(colorize);
    const { time, ...rest } = fields;
    const at = typeof time === 'number' ? ` at ${formatTime(time)}` : '';
    logger[level](rest, `[${scenario}${at}] ${message}`);
  };
};
