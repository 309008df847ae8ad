import fs from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { dumpCommand } from '../../cli/commands/dump';
import { dumpImage } from '../../cli/commands/dump-image';
import { formatCommand } from '../../cli/commands/format';
import { SHIPPED } from '../base/descriptor/formats';
import { dmalab, makeFolder, removeFolder, type CommandResult } from '../support/run-dmalab';

/** A list of two items in memory that the controller can reach; the second changes after a millisecond. */
const QUEUE = `import { dma_alloc_coherent, dma_request_chan_by_mask, DMA_MEMCPY, formats, GFP_KERNEL, msleep, out, scenario } from 'dmalab';
const { lliDescriptor, dwAxiDmacList } = formats;
export default scenario({
  name: 'queue',
  run: async (lab) => {
    const { kernel } = lab;
    const chan = lab.ok(dma_request_chan_by_mask(kernel, DMA_MEMCPY), 'dma_request_chan_by_mask');
    const handle = out();
    const cpu = dma_alloc_coherent(chan.device.dev, 4096, handle, GFP_KERNEL);
    const item = lliDescriptor.cursor();
    item.SAR = 0x9000n; item.DAR = 0xa000n; item.SHADOWREG_OR_LLI_LAST = true; item.SHADOWREG_OR_LLI_VALID = true;
    lab.descriptors.watch('my list', dwAxiDmacList, { device: 'dmac', start: () => ({ at: handle.value }) });
    for (const items of [7, 9]) {
      item.ITEMS = items;
      lliDescriptor.save(kernel.mm, cpu, item.lanes);
      lab.note('item of ' + items);
      await msleep(kernel, 20);
    }
  },
});
`;

/** A driver of an engine that does nothing by halves: a request that is right, and one whose buffer has been unmapped. */
const ENGINE = `import { devm_platform_ioremap_resource, dma_alloc_coherent, dma_map_single, dma_mapping_error, dma_unmap_single, DMA_TO_DEVICE, GFP_KERNEL, kzalloc, out, platform_driver_register, PrototypeEngine, scenario, udelay } from 'dmalab';
import { mine } from './mine';
export default scenario({
  name: 'engine',
  machine: { nodes: [{ label: 'nic', compatible: ['acme,nic'], device: () => new PrototypeEngine('nic', { format: mine }) }] },
  run: async ({ kernel }) => {
    let dev, regs;
    await platform_driver_register(kernel, {
      driver: { name: 'nic', of_match_table: [{ compatible: 'acme,nic' }] },
      probe: (pdev) => { dev = pdev.dev; regs = devm_platform_ioremap_resource(pdev, 0); return 0; },
    });
    const handle = out();
    const cpu = dma_alloc_coherent(dev, 4096, handle, GFP_KERNEL);
    regs.writel(0x10, 2); regs.writel(0x10c, 4); regs.writeq(0x110, handle.value); regs.writel(0x100, 1);
    for (let i = 0; i < 2; i++) {
      const at = dma_map_single(dev, kzalloc(kernel, 64, GFP_KERNEL), 64, DMA_TO_DEVICE);
      dma_mapping_error(dev, at);
      if (i === 1) dma_unmap_single(dev, at, 64, DMA_TO_DEVICE);
      kernel.mm.store64(cpu + 16 * i, Number(at & 0xffffffffn), Number(at >> 32n));
      kernel.mm.store32(cpu + 16 * i + 8, 0x80000040);
      regs.writeq(0x130, 0n);
      if (i === 0) udelay(kernel, 10);
    }
  },
});
`;

const PLAIN = `import { scenario } from 'dmalab';
export default scenario({ name: 'plain', run: () => undefined });
`;

const FORMAT = `import { descriptors } from 'dmalab';
const { addressOf, bits, descriptor, flag, format, lengthIn, marks, ring, word32, word64 } = descriptors;
export const mine = format({
  name: 'mine',
  entry: descriptor('my_desc', {
    addr: word64(addressOf('data', { align: 4 })),
    len: word32({ LEN: bits(15, 0, lengthIn(1)), OWN: flag(31, marks('owner')) }),
    gap: word32(),
  }),
  follow: ring(),
  ownership: { kind: 'bit' },
  completion: { kind: 'in-place' },
  doorbell: { register: 'TAIL', value: 'tail-index' },
});
`;

/** Two entries of that format: the second is the device's, and its buffer misaligned. */
const image = (): Buffer => {
  const bytes = Buffer.alloc(32);
  bytes.writeBigUInt64LE(0x9002n, 16);
  bytes.writeUInt32LE(0x8000_0040, 24);
  return bytes;
};

/** The sentence that refuses something. */
const refusal = async (action: () => unknown): Promise<string> => {
  try {
    await action();
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
  return 'not refused';
};

describe('dmalab dump and dmalab format', () => {
  let folder: string;
  const run = (...words: string[]): Promise<CommandResult> => dmalab(folder, ...words);

  before(() => {
    folder = makeFolder({ 'queue.ts': QUEUE, 'plain.ts': PLAIN, 'mine.ts': FORMAT, 'engine.ts': ENGINE });
    fs.writeFileSync(path.join(folder, 'ring.bin'), image());
  });
  after(() => removeFolder(folder));

  it('prints the queues that a scenario has named, as they are at a moment', async () => {
    const end = await run('dump', 'queue.ts');
    expect(end).to.include({ code: 0, stderr: '' });
    expect(end.stdout).to.match(/^queue at its end\nmy list \(dw-axi-dmac\): 1 entry, 0 findings\nentry 0 at 0x/);
    expect(end.stdout).to.match(/ITEMS +21:0 +9 /);
    const before = await run('dump', 'queue.ts', '--at', '15ms');
    expect(before.stdout)
      .to.match(/^queue at 15000000 ns\n/)
      .and.to.match(/ITEMS +21:0 +7 /);
  });

  it('says why there is nothing to print', async () => {
    const early = await run('dump', 'queue.ts', 'plain.ts', '--at', 'event:0');
    const reason =
      'nothing to dump at event 0: it has named no queue with lab.descriptors.watch, and no device has one that it knows itself';
    expect(early).to.deep.equal({ code: 2, stdout: '', stderr: `queue: ${reason}\nplain: ${reason}\n` });
    const late = await run('dump', 'queue.ts', '--at', '5s');
    expect(late).to.include({ code: 2, stdout: '' });
    expect(late.stderr).to.match(/^queue: nothing to dump at 5000000000 ns: its run ended at \d+ ns, after \d+ events/);
  });

  it('prints the queues that devices know themselves, at the first report of the sanitizer, for people and programs', async () => {
    const text = await run('dump', 'engine.ts', '--at', 'report:DMA-DESC-UNMAPPED');
    expect(text.code).to.equal(0);
    expect(text.stdout).to.match(
      /^engine at its first DMA-DESC-UNMAPPED; it failed: DMA-DESC-UNMAPPED: \S+ was given queue 0, entry 1 at [^]*\nnic queue 0 \(mine\): 4 entries, 0 findings\nentry 1 at 0x\w+: my_desc\n/,
    );
    const none = await run('dump', 'engine.ts', '--at', 'report:DMA-LEAK', '--json');
    expect(none.code).to.equal(2);
    expect(none.stderr).to.match(/^engine: nothing to dump at its first DMA-LEAK: there was none; it failed: /);
    expect(JSON.parse(none.stdout)).to.deep.equal({ format: 1, cases: [] });
    const data = await run('dump', 'engine.ts', '--at', 'report', '--json');
    const { cases } = JSON.parse(data.stdout) as { cases: { scenario: string; queues: Record<string, unknown>[] }[] };
    expect(cases.map(({ scenario }) => scenario)).to.deep.equal(['engine']);
    const [queue] = cases[0]!.queues as [Record<string, { entries: { fields: object[] }[] }>];
    expect(queue).to.include({ name: 'nic queue 0', device: 'nic', format: 'mine', ends: null });
    expect(queue['queue']!.entries[0]).to.include({ where: 'entry 1', owned: true, descriptor: 'my_desc' });
    expect(queue['queue']!.entries[0]!.fields[1]).to.deep.equal({
      field: 'LEN',
      offset: 8,
      bits: [15, 0],
      value: 64,
    });
  });

  it('prints an image of memory in a format of the user, with what is wrong', async () => {
    const { code, stdout, stderr } = await run('dump', 'ring.bin', '--format', 'mine.ts', '--at-address', '0x1000');
    expect({ code, stderr }).to.deep.equal({ code: 1, stderr: '' });
    expect(stdout).to.include('ring.bin (mine): 2 entries, 1 finding\n');
    expect(stdout).to.include("entry 0 at 0x1000: my_desc, not the device's, all zero\n");
    expect(stdout).to.include('    ! misaligned: addr is 0x9002, no multiple of 4\n');
    const one = await run('dump', 'ring.bin', '--format', 'plain-ring.ts', '--start', 'entries=1');
    expect(one.stderr).to.match(/^dmalab: there is no format and no file 'plain-ring.ts'; the formats that ship are /);
  });

  it('reads what the registers of a queue say, and refuses what they cannot', async () => {
    const format = 'virtio-split';
    const file = path.join(folder, 'ring.bin');
    const start = (...words: string[]) => refusal(() => dumpImage([file], { format, start: words }));
    expect(await start('7')).to.equal("UsageError: --start takes words like entries=16, not '7'");
    expect(await start('entries=x')).to.equal("UsageError: --start entries=x: 'x' is no number, decimal or with 0x");
    expect(await start('phase=2')).to.equal('UsageError: --start phase is 0 or 1, not 2');
    expect(await start('moves=up')).to.equal("UsageError: --start moves is from-memory or to-memory, not 'up'");
    expect(await start('blok=512')).to.equal(
      'UsageError: --start blok: there is no such thing in virtio-split; there are at, tail, heads, entries, from, count, phase, most, requests, moves',
    );
    expect(await refusal(() => dumpImage([file, file], { format }))).to.equal(
      'UsageError: with --format, dump takes one file with an image of memory, not 2',
    );
    expect(await refusal(() => dumpImage(['/none.bin'], { format }))).to.match(
      /^UsageError: '\/none.bin' cannot be read/,
    );
  });

  it('refuses options that do not go together', async () => {
    const common = { seed: 1, timeout: 1, memory: 64, logLevel: 'silent', at: { kind: 'end' } } as const;
    expect(await refusal(() => dumpCommand([], common))).to.equal(
      'UsageError: dump takes a scenario, or an image of memory with --format',
    );
    expect(await refusal(() => dumpCommand(['queue.ts'], { ...common, start: ['at=1'] }))).to.equal(
      'UsageError: --at-address, --start and --completions go with --format',
    );
    expect(await refusal(() => formatCommand('nvme-io', { c: true, rust: true }))).to.equal(
      'UsageError: --markdown, --c and --rust exclude each other',
    );
  });

  it('lists the formats that ship, and prints one in each language', async () => {
    const list = (await run('format')).stdout;
    for (const { name } of SHIPPED) expect(list).to.match(new RegExp(`^${name} `, 'm'));
    expect((await run('format', 'nvme-io')).stdout).to.include('## nvme_io_sqe\n\n64 bytes, aligned to 64');
    expect((await run('format', 'virtio-packed', '--c')).stdout).to.match(
      /^#ifndef VIRTIO_PACKED_H\n[^]*struct pvirtq_desc \{/,
    );
    expect((await run('format', 'mine.ts', '--rust')).stdout).to.include('pub struct MyDesc {');
    expect((await run('format', 'plain.ts')).stderr).to.equal(
      "dmalab: 'plain.ts' exports no format: it needs 'export const … = format({ … })'\n",
    );
  });
});
