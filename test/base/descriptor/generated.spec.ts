import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  addressOf,
  cHeader,
  counts,
  descriptor,
  descriptorTable,
  lengthIn,
  rustStructs,
  word16,
  word32,
  word64,
  type AnyDescriptor,
} from '../../../base/descriptor';
import { all, simple } from './samples';

const ALL: readonly AnyDescriptor[] = [simple, all];

const available = (tool: string): boolean => spawnSync(tool, ['--version']).status === 0;

/** Runs a compiler and what it makes, in a folder that is gone afterwards. */
const compileAndRun = (tool: string, file: string, source: string, args: readonly string[]): string => {
  const folder = mkdtempSync(join(tmpdir(), 'descriptor-'));
  try {
    writeFileSync(join(folder, file), source);
    const compiled = spawnSync(tool, [...args, '-o', join(folder, 'out'), file], { cwd: folder, encoding: 'utf8' });
    expect(compiled.stderr, 'what the compiler says').to.equal('');
    return spawnSync(join(folder, 'out'), { encoding: 'utf8' }).stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
};

/** `name size` and `name.word offset` of all that a program can ask for: no cases of variants, no elements. */
const expected = (): string =>
  ALL.flatMap(({ typeName, size, words }) => [
    `${typeName} ${size}`,
    ...words.filter(({ path }) => !path.includes('[')).map(({ path, offset }) => `${typeName}.${path} ${offset}`),
  ]).join('\n');

const eachWord = (
  size: (struct: string, bytes: number) => string,
  offset: (struct: string, path: string) => string,
): string =>
  ALL.flatMap(({ typeName, words, size: bytes }) => [
    size(typeName, bytes),
    ...words.filter(({ path }) => !path.includes('[')).map(({ path }) => offset(typeName, path)),
  ]).join('\n');

describe('descriptors: what is generated', () => {
  it('the C header compiles without a warning, and has the same sizes and offsets', function () {
    if (!available('gcc')) this.skip();
    const body = eachWord(
      (struct) => `printf("${struct} %zu\\n", sizeof(struct ${struct}));`,
      (struct, path) =>
        `printf("${struct}.${path} %zu\\n", offsetof(struct ${struct}, ${path === 'long' ? 'long_' : path}));`,
    );
    const masks = [
      'struct simple_desc d = { .len = 0xffffffff };',
      'printf("%x %x\\n", (d.len & SIMPLE_DESC_LENGTH_MASK) >> SIMPLE_DESC_LENGTH_SHIFT, SIMPLE_DESC_CODE_BUS);',
      'printf("%d\\n", (int)__alignof__(struct simple_desc));',
      'printf("%llx %x\\n", ALL_OF_IT_LINK_MASK, ALL_OF_IT_FAR_HIGH_MASK);',
    ].join('\n');
    const main = `#include <stdio.h>\n#include <stddef.h>\nint main(void) {\n${body}\n${masks}\nreturn 0;\n}\n`;
    const source = `${cHeader('samples', ALL)}${main}`;
    const printed = compileAndRun('gcc', 'main.c', source, ['-std=gnu11', '-Wall', '-Wextra', '-Werror']);
    expect(printed).to.equal(`${expected()}\nffff 9\n16\nffffffffffffffc0 fffffff\n`);
  });

  it('the C header says what lengths count', () => {
    const text = cHeader('samples', ALL);
    const unit = '/* length of data in units of 1 byte, at most 9000 bytes */';
    expect(text).to.include(`#define SIMPLE_DESC_LENGTH_MASK 0x0000ffffU ${unit}\n`);
    const tagged = descriptor('tagged', {
      at: word64(addressOf('data')),
      words: word32(lengthIn(4)),
      told: word16(counts('written', 2)),
      id: word16(counts('id')),
    });
    const lines = cHeader('t', [tagged]).split('\n');
    expect(lines).to.include('\t__le32 words; /* length of data in units of 4 bytes */');
    expect(lines).to.include('\t__le16 told; /* written in units of 2 bytes */');
    expect(lines).to.include('\t__le16 id;');
  });

  it('the Rust structs compile without a warning, and have the same sizes and offsets', function () {
    if (!available('rustc')) this.skip();
    const type = (name: string): string =>
      name.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const body = eachWord(
      (struct) => `println!("${struct} {}", core::mem::size_of::<${type(struct)}>());`,
      (struct, path) => `println!("${struct}.${path} {}", core::mem::offset_of!(${type(struct)}, ${path}));`,
    );
    const source = `#![allow(dead_code)]\n${rustStructs(ALL)}\nfn main() {\n${body}\n}\n`;
    const printed = compileAndRun('rustc', 'main.rs', source, ['--edition', '2021', '-D', 'warnings']);
    expect(printed).to.equal(`${expected()}\n`);
  });

  it('the Markdown table has every field with its bits and meaning', () => {
    expect(descriptorTable(simple)).to.equal(
      [
        '| Offset | Word or field | Bits | What it is |',
        '| --- | --- | --- | --- |',
        '| 0x00 | **addr** | 63:0 | address of data, aligned to 4 bytes. where the buffer is |',
        '| 0x08 | **len** | 31:0 |  |',
        '|  | OWN | 31 | owner. the device may look |',
        '|  | LAST | 30 | last |',
        '|  | LENGTH | 15:0 | length of data in units of 1 byte, at most 9000 bytes |',
        '| 0x0c | **status** | 31:0 |  |',
        '|  | CODE | 7:4 | 0: ok, 1: short, 9: bus |',
        '|  | DONE | 0 | done |',
        '',
      ].join('\n'),
    );
    const table = descriptorTable(all);
    for (const { path } of [...all.placedFields, ...all.variantFields]) {
      if (!path.includes('[')) expect(table, path).to.include(path);
    }
  });
});
