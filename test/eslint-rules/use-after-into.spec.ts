import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { Linter, type Rule } from 'eslint';
import { expect } from 'chai';
import tseslint from 'typescript-eslint';

describe('eslint-rules: use-after-into', () => {
  let lint: (code: string) => string[];
  before(async () => {
    const url = pathToFileURL(join(__dirname, '../../eslint-rules/use-after-into.mjs')).href;
    const { default: rule } = (await import(url)) as { default: Rule.RuleModule };
    const linter = new Linter();
    lint = (code) => {
      const messages = linter.verify(
        code,
        [
          {
            files: ['**/*.ts'],
            languageOptions: { parser: tseslint.parser },
            plugins: { dmalab: { rules: { 'use-after-into': rule } } },
            rules: { 'dmalab/use-after-into': 'error' },
          },
        ],
        'case.ts',
      );
      return messages.map(({ line, message }) => `${line}: ${message}`);
    };
  });

  const moved = (line: number, name: string, how: string, at: number): string =>
    `${line}: '${name}' owns nothing any more: ${how} took it over on line ${at}.`;

  for (const [what, code, line, at] of [
    ['a method call', 'const c = box.intoCoherent();\nbox.fill(1);', 2, 1],
    ['an argument', 'const c = box.intoCoherent();\nuse(box);', 2, 1],
    ['a second conversion', 'const c = box.intoCoherent();\nconst d = box.intoCoherent();', 2, 1],
    ['the same expression', 'use(box.intoCoherent(),\nbox);', 2, 1],
    ['after a branch', 'if (x) {\nbox.intoCoherent();\n}\nbox.fill(1);', 4, 2],
    ['later in the branch', 'if (x) {\nbox.intoCoherent();\nbox.fill(1);\n}', 3, 2],
    ['after a try', 'try {\nbox.intoCoherent();\n} finally {\nbox.fill(1);\n}', 4, 2],
    ['a loop', 'for (const x of list) {\nkeep(box.intoCoherent());\n}', 2, 2],
    ['earlier in a loop', 'while (x()) {\nbox.fill(1);\nif (y) box.intoCoherent();\n}', 2, 3],
    ['after the loop that it ends', 'while (x()) {\nbox.intoCoherent();\nbreak;\n}\nbox.fill(1);', 5, 2],
    ['a function that is made later', 'const c = box.intoCoherent();\nlist.forEach((x) => box.fill(x));', 2, 1],
    ['a return of something else', 'const c = box.intoCoherent();\nreturn [c, box];', 2, 1],
  ] as const) {
    it(`finds ${what}`, () => {
      const found = lint(`const f = (box) => { ${code} };`);
      expect(found).to.include(moved(line, 'box', 'box.intoCoherent', at));
    });
  }

  it('finds a segment that a stream has taken over', () => {
    const code = 'const f = (s) => { using d = DmaStream.map(dev, ToDevice, s, true);\ns.paddr(); s.drop(); };';
    expect(lint(code)).to.deep.equal([moved(2, 's', 'DmaStream.map', 1)]);
    expect(lint(code.replace(', s,', ', s.clone(),'))).to.deep.equal([]);
  });

  it('finds what was split at an offset, but not strings', () => {
    const code = (separator: string): string =>
      `const f = (whole) => { const [low, high] = whole.split(${separator});\nwhole.size(); };`;
    for (const offset of ['4096', 'PAGE_SIZE', 'n * PAGE_SIZE']) {
      expect(lint(code(offset))).to.deep.equal([moved(2, 'whole', 'whole.split', 1)]);
    }
    expect(lint('const f = (whole) => { for (const part of whole.split(PAGE_SIZE)) part.drop(); };')).to.deep.equal([]);
    for (const separator of ["','", '/,/', '`,`', '', "',', 2"]) expect(lint(code(separator))).to.deep.equal([]);
  });

  it('finds pages that a table has taken over', () => {
    const code = 'const f = (pages) => { const t = SGTable.new(dev, pages, dir, gfp);\npages.push(1); };';
    expect(lint(code)).to.deep.equal([moved(2, 'pages', 'SGTable.new', 1)]);
    expect(lint(code.replace('SGTable.new', 'rust.SGTable.new'))).to.deep.equal([
      moved(2, 'pages', 'rust.SGTable.new', 1),
    ]);
    expect(lint(code.replace('SGTable.new', 'MySGTable.new'))).to.deep.equal([]);
  });

  for (const [what, code] of [
    ['uses before it', 'box.fill(1);\nreturn box.intoCoherent();'],
    ['dropping', 'const c = box.intoCoherent();\nbox.drop();\nbox[Symbol.dispose]();'],
    ['branches that exclude each other', 'if (x) {\nbox.intoCoherent();\n} else {\nbox.fill(1);\n}'],
    ['both sides of a condition', 'return x ? box.intoCoherent() : box.get();'],
    ['a branch that returns', 'if (x) {\nreturn box.intoCoherent();\n}\nbox.fill(1);'],
    ['a branch that ends', 'if (x) {\nkeep(box.intoCoherent());\nreturn;\n}\nbox.fill(1);'],
    ['a handler of its failure', 'try {\nkeep(box.intoCoherent());\n} catch {\nbox.fill(1);\n}'],
    ['a new value', 'let b = box;\nkeep(b.intoCoherent());\nb = make();\nb.fill(1);'],
    ['a variable of each round', 'for (const b of list) {\nkeep(b.intoCoherent());\n}'],
    ['a round that is the last', 'while (x()) {\nbox.fill(1);\nif (y) {\nkeep(box.intoCoherent());\nbreak;\n}\n}'],
    [
      'another variable of that name',
      '{\nconst b = make();\nkeep(b.intoCoherent());\n}\n{\nconst b = make();\nb.fill(1);\n}',
    ],
    ['a function that was made before', 'const g = () => box.get();\ng();\nkeep(box.intoCoherent());'],
    ['a function that converts', 'const g = () => box.intoCoherent();\nbox.fill(1);'],
    ['other methods', 'text.into();\ntext.intonation();\ntext.length;'],
  ] as const) {
    it(`leaves alone ${what}`, () => {
      expect(lint(`const f = (box) => { ${code} };`)).to.deep.equal([]);
    });
  }
});
