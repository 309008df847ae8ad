import { expect } from 'chai';
import fs from 'node:fs';
import path from 'node:path';
import { runCommandLine } from '../../cli/command-line';
import { compareCommand } from '../../cli/commands/compare';
import { parseSizes, type CompareCommandOptions } from '../../cli/compare/options';
import { shortNumber } from '../../cli/compare/rows';
import { drawSvg } from '../../cli/compare/svg';
import { tableText } from '../../cli/compare/table';
import { terminalOf } from '../../cli/report/terminal';
import { createProgram } from '../../cli/program';
import { UsageError } from '../../cli/usage-error';
import type { FormatFigures } from '../../lab/compare/figures';
import { dmalab, makeFolder, parseJson, removeFolder } from '../support/run-dmalab';

const FORMAT = `import { descriptors } from 'dmalab';
const { addressOf, bits, descriptor, flag, format, lengthIn, marks, ring, word32, word64 } = descriptors;
const entry = descriptor('net_desc', {
  addr: word64(addressOf('data')),
  len: word32({ LEN: bits(15, 0, lengthIn(1, { max: 9000 })), OWN: flag(31, marks('owner')) }),
  status: word32({ DONE: flag(0, marks('done')) }),
}, { align: 16 });
export const net = format({
  name: 'net', entry, follow: ring(), ownership: { kind: 'bit' }, completion: { kind: 'in-place' },
  doorbell: { register: 'TAIL', value: 'tail-index' },
});
`;

interface Json {
  readonly seed: number;
  readonly formats: readonly (Record<string, unknown> & { readonly name: string; readonly status: string })[];
}

const figures = (name: string, scale = 1): FormatFigures => ({
  name,
  moves: 'out',
  requests: 100,
  payloadBytes: 100_000,
  entries: 100,
  descriptorReads: 100 * scale,
  descriptorReadBytes: 1600 * scale,
  completionWrites: 100,
  completionBytes: 400,
  cacheLines: 250,
  iotlbMisses: 0,
  doorbells: 100,
  interrupts: 50,
  nanoseconds: 50_000 * scale,
  latency: { median: 1500, p99: 3000, largest: 4000 },
  time: {
    moving: 25_000,
    answers: 5000,
    listsAndCompletions: 5000,
    entries: 5000,
    blocked: 0,
    software: 50_000 * scale - 40_000,
  },
});

const NAMES = [
  'virtio-split',
  'virtio-split:direct',
  'virtio-packed',
  'nvme-io:sgl',
  'xilinx-axi-dma-mm2s',
  'x'.repeat(40),
];

describe('dmalab compare', () => {
  let folder: string;
  before(() => {
    folder = makeFolder({
      'net.ts': FORMAT,
      'none.ts': 'export const nothing = 1;\n',
      'two.ts': `export * from './net';\nimport { net } from './net';\nexport const other = { ...net, name: 'other' };\n`,
      'broken.ts': 'export const x = ;\n',
    });
  });
  after(() => removeFolder(folder));

  const refused = async (sentence: RegExp, ...words: string[]): Promise<void> => {
    const { code, stdout, stderr } = await dmalab(folder, 'compare', ...words);
    expect(stderr, words.join(' ')).to.match(sentence);
    expect(stderr.trim().split('\n').length).to.equal(1);
    expect([code, stdout]).to.deep.equal([2, '']);
  };

  /** The sentence that refuses a command line, without a process of its own. */
  const sentenceOf = async (...words: string[]): Promise<string> => {
    const none = (): Promise<void> => Promise.resolve();
    const others = { run: none, bugs: none, list: none, dump: none, format: none };
    const compare = async (targets: string[], options: CompareCommandOptions): Promise<void> => {
      await compareCommand(targets, options);
    };
    try {
      await runCommandLine(createProgram('1', { ...others, compare }), ['compare', ...words]);
    } catch (error) {
      expect(error).to.be.instanceOf(UsageError);
      return (error as Error).message;
    }
    return 'nothing';
  };

  it('prints a table and writes a picture, of a format in a file too', async () => {
    const words = ['compare', 'virtio-packed', 'net.ts', '--requests', '50', '--sizes', '64-1500', '--svg', 'out.svg'];
    const first = await dmalab(folder, ...words);
    expect(first.stderr).to.equal('');
    expect(first.code).to.equal(0);
    expect(first.stdout).to.match(/50 requests of 64 to 1500 bytes, in 1 piece, 16 at a time/);
    expect(first.stdout).to.match(/virtio-packed +net/);
    for (const label of ['throughput', 'latency, median', 'IOTLB misses per request', 'software']) {
      expect(first.stdout).to.include(label);
    }
    const picture = fs.readFileSync(path.join(folder, 'out.svg'), 'utf8');
    expect(picture)
      .to.match(/^<svg /)
      .and.to.include('>virtio-packed</text>')
      .and.to.include('>net</text>');
  });

  it('tells figures as JSON, those per byte too', async () => {
    const result = await dmalab(
      folder,
      'compare',
      'virtio-split',
      'dw-axi-dmac',
      '--json',
      '--requests',
      '20',
      '--seed',
      '9',
    );
    const { seed, formats } = parseJson<Json>(result);
    expect(seed).to.equal(9);
    expect(formats.map(({ name, status }) => [name, status])).to.deep.equal([
      ['virtio-split', 'measured'],
      ['dw-axi-dmac', 'measured'],
    ]);
    const [split] = formats;
    const total = Number(split!['descriptorReadBytes']) + Number(split!['completionBytes']);
    expect(split!['descriptorBytesPerPayloadByte']).to.equal(total / Number(split!['payloadBytes']));
  });

  it('a format that cannot carry the traffic is told below the others, and the exit code is 2', async () => {
    const { code, stdout } = await dmalab(
      folder,
      'compare',
      'virtio-split',
      'nvme-io',
      '--requests',
      '10',
      '--sizes',
      '100',
    );
    expect(code).to.equal(2);
    expect(stdout).to.match(/✗ nvme-io cannot carry this: a request of 100 bytes: .* in units of 512\n/);
    expect(stdout).to.include('throughput');
  });

  it('a file without a format, or with several, is wrong usage in one sentence', () =>
    Promise.all([
      refused(/'none.ts' exports no format/, 'none.ts'),
      refused(/'two.ts' exports several formats \((net, other|other, net)\)/, 'two.ts'),
      refused(/broken.ts:1: Expression expected/, 'broken.ts'),
    ]));

  for (const [sentence, ...words] of [
    [/^there is no file and no shipped format 'virtio'; formats that ship: virtio-split, /, 'virtio'],
    [/'virtio-split:sgl': virtio-split has no variant ':sgl'; it has :direct and :indirect$/, 'virtio-split:sgl'],
    [/'dw-axi-dmac:direct': dw-axi-dmac has no variant ':direct'; it has none$/, 'dw-axi-dmac:direct'],
    [/'package.json' cannot hold a format/, 'package.json'],
    [/--sizes takes a size/, 'nvme-io', '--sizes', 'large'],
    [/--depth takes a whole number from 1 to 512, not '0'/, 'nvme-io', '--depth', '0'],
    [/--requests takes a whole number from 1 to 1000000, not 'all'/, 'nvme-io', '--requests', 'all'],
    [/--scatter takes a number of pieces from 1 to 64, or 'pages', not '65'/, 'nvme-io', '--scatter', '65'],
    [/--translation takes one of direct, strict, lazy, swiotlb, not 'none'/, 'nvme-io', '--translation', 'none'],
    [/--coherent takes one of on, off, not 'maybe'/, 'nvme-io', '--coherent', 'maybe'],
    [/--bandwidth takes bytes per nanosecond/, 'nvme-io', '--bandwidth', '0'],
    [/more than the 256 MiB that can be checked/, 'nvme-io', '--requests', '1000000', '--sizes', '4k'],
    [/--svg cannot write 'no\/where.svg': there is no such folder/, 'nvme-io', '--svg', 'no/where.svg'],
    [/missing required argument 'formats'/],
  ] as [RegExp, ...string[]][]) {
    it(`refuses: ${words.join(' ')}`, async () => {
      expect(await sentenceOf(...words)).to.match(sentence);
    });
  }

  it('sizes', () => {
    expect(parseSizes('1500')).to.deep.equal({ kind: 'mix', parts: [{ bytes: 1500, weight: 1 }] });
    expect(parseSizes('4k')).to.deep.equal({ kind: 'mix', parts: [{ bytes: 4096, weight: 1 }] });
    expect(parseSizes('64-1500')).to.deep.equal({ kind: 'uniform', from: 64, to: 1500 });
    const parts = [
      { bytes: 64, weight: 7 },
      { bytes: 1024, weight: 1 },
    ];
    expect(parseSizes('64:7,1k')).to.deep.equal({ kind: 'mix', parts });
    for (const wrong of ['', '0', '-1', '1500-64', '2m', '64:0', '64:x', '1.5k', 'imixx', '64,', '1-2-3']) {
      expect(() => parseSizes(wrong), wrong).to.throw(/^--sizes takes a size/);
    }
  });

  for (const width of [80, 100, 120]) {
    it(`the table fits ${width} columns, with any number of formats`, () => {
      for (let count = 1; count <= NAMES.length; count++) {
        const terminal = { ...terminalOf(process.stdout), width };
        const plain = {
          ...terminal,
          colors: { ...terminal.colors, green: (text: string | number | null | undefined) => String(text) },
        };
        const all = NAMES.slice(0, count).map((name, i) => figures(name, 1 + i / 10));
        const text = tableText(all, plain);
        for (const line of text.split('\n')) expect(line.length, line).to.be.at.most(width);
        expect(text).not.to.match(/\d…/);
        expect(text.split('throughput').length - 1).to.equal(count > (width - 29) / 14 ? 2 : 1);
      }
    });
  }

  it('the picture is well-formed, whatever formats are called', () => {
    const svg = drawSvg([figures('a<b>&"c"'), figures('plain', 2)], { title: 'T & T', lines: ['one', 'two'] });
    expect(svg).to.include('a&lt;b&gt;&amp;&quot;c&quot;').and.not.include('a<b>').and.not.include('NaN');
    expect(svg.match(/<svg /g)).to.have.length(1);
    const opened = svg.match(/<(text|rect|title|svg)\b(?:[^>]*[^/])?>/g) ?? [];
    const closed = svg.match(/<\/(text|rect|title|svg)>/g) ?? [];
    expect(opened.length).to.equal(closed.length);
  });

  it('numbers have three digits that count', () => {
    expect([0, 0.0123456, 1, 12.345, 999.9, 123_456].map(shortNumber)).to.deep.equal([
      '0',
      '0.0123',
      '1.00',
      '12.3',
      '1000',
      '123456',
    ]);
  });
});
