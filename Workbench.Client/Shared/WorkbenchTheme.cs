using MudBlazor;

namespace Workbench.Client.Shared;

/// <summary>Calm and dense, like an instrument: one accent, neutral surfaces, borders instead of shadows, 14-px body.</summary>
public static class WorkbenchTheme
{
    private static readonly string[] s_fonts =
        ["system-ui", "-apple-system", "Segoe UI", "PingFang SC", "Noto Sans SC", "Noto Sans CJK SC", "Microsoft YaHei", "sans-serif"];

    public static MudTheme Theme { get; } = new()
    {
        PaletteLight = new PaletteLight
        {
            Primary = "#0f5fb8",
            PrimaryContrastText = "#ffffff",
            Secondary = "#475467",
            Tertiary = "#475467",
            Info = "#0f5fb8",
            Success = "#177245",
            Warning = "#9a5b00",
            Error = "#b42318",
            Background = "#f7f8fa",
            BackgroundGray = "#eff1f4",
            Surface = "#ffffff",
            TextPrimary = "#1b2430",
            TextSecondary = "#566273",
            TextDisabled = "#8a94a3",
            ActionDefault = "#475467",
            ActionDisabled = "#8a94a3",
            LinesDefault = "#e1e5ea",
            LinesInputs = "#b6bfca",
            TableLines = "#e1e5ea",
            Divider = "#e1e5ea",
        },
        PaletteDark = new PaletteDark
        {
            Primary = "#6cb0ff",
            PrimaryContrastText = "#0a1a2c",
            Secondary = "#aab5c2",
            Tertiary = "#aab5c2",
            Info = "#6cb0ff",
            Success = "#57c98c",
            Warning = "#e8b04e",
            Error = "#ff8a80",
            Background = "#14181e",
            BackgroundGray = "#10141a",
            Surface = "#1b2129",
            TextPrimary = "#e3e8ee",
            TextSecondary = "#9facba",
            TextDisabled = "#6d7886",
            ActionDefault = "#aab5c2",
            ActionDisabled = "#6d7886",
            LinesDefault = "#2c343e",
            LinesInputs = "#4a5563",
            TableLines = "#2c343e",
            Divider = "#2c343e",
        },
        Typography = new Typography
        {
            Default = new DefaultTypography { FontFamily = s_fonts, FontSize = "14px", LineHeight = "1.5", LetterSpacing = "0" },
            Button = new ButtonTypography { FontFamily = s_fonts, FontSize = "14px", FontWeight = "500", TextTransform = "none", LetterSpacing = "0" },
        },
        LayoutProperties = new LayoutProperties { DefaultBorderRadius = "6px" },
    };
}
