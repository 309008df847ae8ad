import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import * as fc from 'fast-check';
import * as layout from '../../../base/layout';
import { aligned, array, bytes, padding, struct, type AnyLayout, type FieldSpec } from '../../../base/layout';

/** A type as both languages write it. */
interface Type {
  readonly layout: AnyLayout;
  /** The declaration of a member of this type. */
  readonly c: (name: string) => string;
  /** Structs that have to be declared before, outermost last. */
  readonly declarations: readonly string[];
}

interface Member {
  readonly name: string;
  readonly spec: FieldSpec;
  readonly c: string;
  readonly isReserved: boolean;
}

interface Sample {
  readonly name: string;
  readonly declarations: readonly string[];
  readonly names: readonly string[];
  readonly layout: layout.StructLayout<Record<string, FieldSpec>>;
}

const scalar = (name: 'u8' | 'le16' | 'u32' | 's64' | 'be64' | 's8' | 'be32' | 'bool', c: string): Type => ({
  layout: layout[name],
  c: (member) => `${c} ${member}`,
  declarations: [],
});

const scalars: fc.Arbitrary<Type> = fc.constantFrom(
  scalar('u8', 'uint8_t'),
  scalar('s8', 'int8_t'),
  scalar('bool', '_Bool'),
  scalar('le16', 'uint16_t'),
  scalar('u32', 'uint32_t'),
  scalar('be32', 'uint32_t'),
  scalar('s64', 'int64_t'),
  scalar('be64', 'uint64_t'),
);

let serial = 0;

const structType = (
  members: readonly Member[],
  declarations: readonly string[],
  packed: boolean,
  align: number,
): Type => {
  const name = `s${serial++}`;
  const attributes = [...(packed ? ['packed'] : []), ...(align > 0 ? [`aligned(${align})`] : [])];
  const attribute = attributes.length === 0 ? '' : `__attribute__((${attributes.join(', ')})) `;
  const made = struct(name, Object.fromEntries(members.map((member) => [member.name, member.spec])), {
    packed,
    ...(align > 0 ? { align } : {}),
  });
  const own = `struct ${attribute}${name} { ${members.map(({ c }) => `${c};`).join(' ')} };`;
  return { layout: made, c: (member) => `struct ${name} ${member}`, declarations: [...declarations, own] };
};

const { type } = fc.letrec<{ type: Type; struct: Type }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalars,
    fc.tuple(tie('type'), fc.integer({ min: 1, max: 5 })).map(([element, count]) => ({
      layout: array(element.layout, count as 1),
      c: (member: string) => element.c(`${member}[${count}]`),
      declarations: element.declarations,
    })),
    fc.integer({ min: 1, max: 9 }).map((n) => ({
      layout: bytes(n as 1),
      c: (member: string) => `uint8_t ${member}[${n}]`,
      declarations: [],
    })),
    tie('struct'),
  ),
  struct: fc
    .tuple(
      fc.array(fc.tuple(tie('type'), fc.constantFrom(0, 0, 0, 1, 2, 4, 16)), { minLength: 1, maxLength: 7 }),
      fc.constantFrom(false, false, true),
      fc.constantFrom(0, 0, 2, 8, 32),
      fc.nat(8),
    )
    .map(([types, packed, align, reserved]) => {
      const members = types.map(([member, own], i): Member => {
        const name = `m${i}`;
        if (own === 0) return { name, spec: member.layout, c: member.c(name), isReserved: false };
        const c = `${member.c(name)} __attribute__((aligned(${own})))`;
        return { name, spec: aligned(member.layout, own), c, isReserved: false };
      });
      if (reserved > 4) {
        const member = { name: 'rsvd', spec: padding(reserved as 5), c: `uint8_t rsvd[${reserved}]`, isReserved: true };
        members.splice(1, 0, member);
      }
      return structType(
        members,
        types.flatMap(([member]) => member.declarations),
        packed,
        align,
      );
    }),
}));

const toSample = (made: Type): Sample | null => {
  if (!(made.layout instanceof layout.StructLayout)) return null;
  const own = made.layout as Sample['layout'];
  return { name: own.typeName, declarations: made.declarations, names: Object.keys(own.fields), layout: own };
};

/** What the compiler makes of the structs: `name size align offset…` a line. */
const compile = (samples: readonly Sample[]): string[] => {
  const folder = mkdtempSync(join(tmpdir(), 'layout-'));
  try {
    const lines = samples.map(
      ({ name, names }) =>
        `printf("${name} %zu %zu", sizeof(struct ${name}), _Alignof(struct ${name}));` +
        names.map((member) => `printf(" %zu", offsetof(struct ${name}, ${member}));`).join('') +
        'puts("");',
    );
    const declarations = [...new Set(samples.flatMap((sample) => sample.declarations))];
    const source = `#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n${declarations.join('\n')}\nint main(void) {\n${lines.join('\n')}\nreturn 0; }\n`;
    writeFileSync(join(folder, 'layout.c'), source);
    execFileSync('gcc', ['-std=gnu11', '-w', '-O0', '-o', join(folder, 'layout'), join(folder, 'layout.c')]);
    return execFileSync(join(folder, 'layout'), { encoding: 'utf8' }).trim().split('\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const hasGcc = (): boolean => {
  try {
    return /^(x86_64|aarch64|riscv64)-/.test(execFileSync('gcc', ['-dumpmachine'], { encoding: 'utf8' }));
  } catch {
    return false;
  }
};

describe('base/layout: where a C compiler puts fields', () => {
  it('as gcc does, for all kinds of structs', function () {
    if (!hasGcc()) this.skip();
    const samples = fc
      .sample(type, { numRuns: 1200, seed: 7 })
      .map(toSample)
      .filter((sample) => sample !== null)
      // gcc refuses arrays of elements that are aligned beyond their size; so do layouts, which a struct's size never is.
      .slice(0, 250);
    expect(samples.length).to.equal(250);
    const ours = samples.map(({ name, names, layout: own }) =>
      [name, own.size, own.align, ...names.map((member) => own.offsetOf(member as never))].join(' '),
    );
    expect(ours).to.deep.equal(compile(samples));
  });

  it('by figures, wherever there is no compiler', () => {
    const { u8, le16, le32, le64, be32 } = layout;
    const descriptor = struct('virtq_desc', { addr: le64, len: le32, flags: le16, next: le16 }, { size: 16 });
    expect([descriptor.size, descriptor.align]).to.deep.equal([16, 8]);
    expect(descriptor.offsetOf('next')).to.equal(14);
    const ragged = struct('ragged', { a: u8, b: le32, c: u8, d: le64, e: u8 });
    const offsets = (s: { fields: Record<string, { offset: number }> }): number[] =>
      Object.values(s.fields).map(({ offset }) => offset);
    expect([offsets(ragged), ragged.size, ragged.align]).to.deep.equal([[0, 4, 8, 16, 24], 32, 8]);
    const packed = struct('packed', { a: u8, b: le32, c: aligned(u8, 4), d: le64, inner: ragged }, { packed: true });
    expect([offsets(packed), packed.size, packed.align]).to.deep.equal([[0, 1, 8, 9, 17], 52, 4]);
    const list = struct('list', { head: be32, entries: array(descriptor, 3), tail: u8 }, { align: 64 });
    expect([offsets(list), list.size, list.align]).to.deep.equal([[0, 8, 56], 64, 64]);
    const scatterlist = struct('scatterlist', {
      page_link: le64,
      offset: le32,
      length: le32,
      dma_address: le64,
      dma_length: le32,
      dma_flags: le32,
    });
    expect([offsets(scatterlist), scatterlist.size]).to.deep.equal([[0, 8, 12, 16, 24, 28], 32]);
  });
});
