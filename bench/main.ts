import fs from 'node:fs';
import Table from 'cli-table3';
import { events } from './events';
import { iotlb } from './iotlb';
import { mapUnmapFigures } from './map-unmap';
import type { Figure } from './measure';
import { wholeScenario } from './scenario';
import { sgCopy } from './sg-copy';
import { machineCreate, scenariosTotal } from './whole';

const SUITES: readonly (() => Promise<Figure[]>)[] = [
  events,
  iotlb,
  sgCopy,
  mapUnmapFigures,
  wholeScenario,
  machineCreate,
  scenariosTotal,
];

const digits = (value: number): string => value.toPrecision(3).replace(/e\+\d+$/, '');

const show = (value: number): string => (Math.abs(value) >= 1000 ? Math.round(value).toString() : digits(value));

const jsonPath = (args: readonly string[]): string | undefined => {
  if (args.length === 0) return undefined;
  if (args.length === 2 && args[0] === '--json') return args[1];
  process.stderr.write('usage: npm run bench [-- --json FILE]\n');
  process.exit(2);
};

const main = async (): Promise<void> => {
  const file = jsonPath(process.argv.slice(2));
  const table = new Table({
    head: ['figure', 'value', 'unit', 'baseline', 'ratio', 'baseline is'],
    style: { head: [] },
  });
  const figures: Figure[] = [];
  for (const suite of SUITES) {
    process.stderr.write(`measuring ${suite.name}\n`);
    const measured = await suite();
    figures.push(...measured);
    for (const { name, value, unit, baseline, ratio, against } of measured) {
      table.push([name, show(value), unit, show(baseline), show(ratio), against]);
    }
  }
  process.stdout.write(`${table.toString()}\n`);
  if (file === undefined) return;
  const json = figures.map(({ name, value, unit, baseline, ratio }) => ({ name, value, unit, baseline, ratio }));
  fs.writeFileSync(file, `${JSON.stringify(json, null, 2)}\n`);
};

void main();
