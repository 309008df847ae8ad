import fs from 'node:fs';
import Table from 'cli-table3';
import { cacheFigures } from './cache';
import { descriptors } from './descriptors';
import { events } from './events';
import { iotlb } from './iotlb';
import { mapUnmapFigures } from './map-unmap';
import type { Figure } from './measure';
import { sanitizer } from './sanitizer';
import { wholeScenario } from './scenario';
import { sgCopy } from './sg-copy';
import { machineCreate, scenariosTotal } from './whole';

const SUITES: readonly (() => Promise<Figure[]>)[] = [
  events,
  iotlb,
  sgCopy,
  mapUnmapFigures,
  cacheFigures,
  descriptors,
  wholeScenario,
  sanitizer,
  machineCreate,
  scenariosTotal,
];

const digits = (value: number): string => value.toPrecision(3).replace(/e\+\d+$/, '');

const show = (value: number): string => (Math.abs(value) >= 1000 ? Math.round(value).toString() : digits(value));

interface Wish {
  readonly suites: readonly (() => Promise<Figure[]>)[];
  readonly json: string | undefined;
}

/** What the command line asks for: all suites, or those named. */
const wish = (args: readonly string[]): Wish => {
  const at = args.indexOf('--json');
  const json = at < 0 ? undefined : args[at + 1];
  const names = at < 0 ? args : args.filter((_, index) => index !== at && index !== at + 1);
  const suites = SUITES.filter(({ name }) => names.length === 0 || names.includes(name));
  if ((at < 0 || json !== undefined) && suites.length >= names.length) return { suites, json };
  process.stderr.write('usage: npm run bench [-- [SUITE...] [--json FILE]]\n');
  process.stderr.write(`suites: ${SUITES.map(({ name }) => name).join(', ')}\n`);
  process.exit(2);
};

const main = async (): Promise<void> => {
  const { suites, json } = wish(process.argv.slice(2));
  const table = new Table({
    head: ['figure', 'value', 'unit', 'baseline', 'ratio', 'baseline is'],
    style: { head: [] },
  });
  const figures: Figure[] = [];
  for (const suite of suites) {
    process.stderr.write(`measuring ${suite.name}\n`);
    const measured = await suite();
    figures.push(...measured);
    for (const { name, value, unit, baseline, ratio, against } of measured) {
      table.push([name, show(value), unit, show(baseline), show(ratio), against]);
    }
  }
  process.stdout.write(`${table.toString()}\n`);
  if (json === undefined) return;
  const plain = figures.map(({ name, value, unit, baseline, ratio }) => ({ name, value, unit, baseline, ratio }));
  fs.writeFileSync(json, `${JSON.stringify(plain, null, 2)}\n`);
};

void main();
